package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/gateway"
)

// answer is a success before it is put into the envelope.
type answer struct {
	status    int             // 0 means 200
	data      any             // marshalled, unless raw is there
	raw       json.RawMessage // data as it is
	revision  int64           // also given as ETag; 0 means none
	etag      string          // instead of the one that follows from revision
	location  string
	warnings  []document.Warning
	learnt    map[string]gateway.Learnt // of a document's servers
	authToken string                    // of api_auth alone
	page      *pageInfo
}

// pageInfo is what a list tells of its place in the whole.
type pageInfo struct {
	size        int
	start, next string
}

// encoded is data as JSON.
func (c *call) encoded(data any) (text []byte, err error) {
	if c.leaveHeavy == nil {
		return json.Marshal(data)
	}
	return c.encodedLowered(data)
}

func (c *call) encodedLowered(data any) (text []byte, err error) {
	err = c.lowered(func() (err error) { text, err = json.Marshal(data); return err })
	return text, err
}

// reply sends an answer.
func (c *call) reply(a answer) error {
	out := getScratch()
	defer putScratch(out)
	b := append(*out, `{"data":`...)
	if a.raw != nil {
		b = append(slices.Grow(b, len(a.raw)+freeAnswer/64), a.raw...)
	} else {
		text, err := c.encoded(a.data)
		if err != nil {
			return err
		}
		b = append(b, text...)
	}
	if a.authToken != "" {
		b = appendString(append(b, `,"auth_token":`...), a.authToken)
	}
	if p := a.page; p != nil {
		b = strconv.AppendInt(append(b, `,"page_size":`...), int64(p.size), 10)
		if p.start != "" {
			b = appendString(append(b, `,"start_key":`...), p.start)
		}
		if p.next != "" {
			b = appendString(append(b, `,"next_start_key":`...), p.next)
		}
	}
	if len(a.warnings) > 0 {
		text, err := json.Marshal(warningViews(a.warnings))
		if err != nil {
			return err
		}
		b = append(append(b, `,"warnings":`...), text...)
	}
	if len(a.learnt) > 0 {
		text, err := json.Marshal(a.learnt)
		if err != nil {
			return err
		}
		b = append(append(b, `,"learnt":`...), text...)
	}
	b = c.appendEnd(b, a.revision)

	h := c.Header()
	if a.etag == "" && a.revision != 0 {
		a.etag = etagOf(a.revision)
	}
	if a.etag != "" {
		h["Etag"] = []string{a.etag}
	}
	if a.location != "" {
		h["Location"] = []string{a.location}
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	a.raw, a.data = nil, nil // the memory is needed no more
	return c.sendMade(a.status, b, out)
}

// sendMade writes an answer that was made for this request in the memory of out. A long one holds its octets of the
// budget until the client has read it.
func (c *call) sendMade(status int, b []byte, out *[]byte) error {
	if len(b) > freeAnswer {
		if err := c.holdAnswer(int64(cap(b)), !c.route.onlyReads()); err != nil {
			return err
		}
	}
	c.send(status, jsonType, b)
	*out = b // keeps the memory that it grew
	return nil
}

// appendEnd closes the envelope of a success.
func (c *call) appendEnd(b []byte, revision int64) []byte {
	b = appendString(append(b, `,"request_id":`...), c.id)
	if revision != 0 {
		b = append(strconv.AppendInt(append(b, `,"revision":"`...), revision, 10), '"')
	}
	b = append(b, `,"status":"success","timestamp":"`...)
	b = append(time.Now().UTC().AppendFormat(b, time.RFC3339), '"')
	return append(b, c.api.tail...)
}

// send writes a whole answer.
func (c *call) send(status int, contentType []string, b []byte) {
	h := c.Header()
	h["Content-Type"] = contentType
	if len(b) > 2000 { // net/http counts shorter ones itself
		h["Content-Length"] = []string{strconv.Itoa(len(b))}
	}
	c.leavePlace()
	c.WriteHeader(status)
	if len(b) > freeAnswer {
		c.writeLong(b)
		return
	}
	c.Write(b) //nolint:errcheck // the client is gone: nobody to tell
}

// created makes an answer a 201.
func (a answer) created(location string) answer {
	a.status, a.location = http.StatusCreated, location
	return a
}

// warningView is a document.Warning as answers show it.
type warningView struct {
	Path    string `json:"path"`
	Rule    string `json:"rule"`
	Message string `json:"message"`

	Accounts []aaa.AccountID `json:"accounts,omitempty"`
	Total    int             `json:"total,omitempty"`
}

func warningViews(list []document.Warning) []warningView {
	views := make([]warningView, len(list))
	for i, w := range list {
		views[i] = warningView{w.Path, w.Rule, w.Message, w.Accounts, w.Total}
	}
	return views
}

// appendString appends a JSON string. Plain ASCII, nearly all of them, is copied.
func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if ch := s[i]; ch < ' ' || ch > '~' || ch == '"' || ch == '\\' || ch == '<' || ch == '>' || ch == '&' {
			text, _ := json.Marshal(s) // a string always marshals
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
