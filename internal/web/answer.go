package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
)

// Answer is a success before it is put into the envelope.
type Answer struct {
	Status   int             // 0 means 200
	Data     any             // marshalled, unless Raw is there
	Raw      json.RawMessage // data as it is
	Revision int64           // also given as ETag; 0 means none
	ETag     string          // instead of the one that follows from Revision
	Location string          // the header; empty: none
	Members  []Member        // further members of the envelope
	Warnings []Warning
	// Once is data for the first caller alone, if a repetition of the request is answered with Raw.
	Once json.RawMessage
	page *pageInfo
}

// Member is a member of the envelope beside data.
type Member struct {
	Name  string
	Value any // marshalled
}

// Warning tells a writer of something that is taken and may be meant otherwise.
type Warning struct {
	Path    string `json:"path"` // of the member that it is about
	Rule    string `json:"rule"`
	Message string `json:"message"`

	Accounts []aaa.AccountID `json:"accounts,omitempty"` // that it is about, the first of them
	Total    int             `json:"total,omitempty"`    // how many there are
}

// pageInfo is what a list tells of its place in the whole.
type pageInfo struct {
	size        int
	start, next string
}

// Reply sends an answer.
func (c *Call) Reply(a Answer) error {
	if c.recording != nil {
		return c.recording.take(a)
	}
	out := getScratch()
	defer putScratch(out)
	b := append(*out, `{"data":`...)
	if a.Once != nil {
		a.Raw = a.Once
	}
	if a.Raw != nil {
		b = append(slices.Grow(b, len(a.Raw)+admission.FreeAnswer/64), a.Raw...)
	} else {
		text, err := json.Marshal(a.Data)
		if err != nil {
			return err
		}
		b = append(b, text...)
	}
	for _, m := range a.Members {
		text, err := json.Marshal(m.Value)
		if err != nil {
			return err
		}
		b = append(append(AppendString(append(b, ','), m.Name), ':'), text...)
	}
	if p := a.page; p != nil {
		b = strconv.AppendInt(append(b, `,"page_size":`...), int64(p.size), 10)
		if p.start != "" {
			b = AppendString(append(b, `,"start_key":`...), p.start)
		}
		if p.next != "" {
			b = AppendString(append(b, `,"next_start_key":`...), p.next)
		}
	}
	if len(a.Warnings) > 0 {
		text, err := json.Marshal(a.Warnings)
		if err != nil {
			return err
		}
		b = append(append(b, `,"warnings":`...), text...)
	}
	b = c.appendEnd(b, a.Revision)

	h := c.Header()
	if a.ETag == "" && a.Revision != 0 {
		a.ETag = ETag(a.Revision)
	}
	if a.ETag != "" {
		h["Etag"] = []string{a.ETag}
	}
	if a.Location != "" {
		h["Location"] = []string{a.Location}
	}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	a.Raw, a.Data = nil, nil // the memory is needed no more
	return c.sendMade(a.Status, b, out)
}

// ReplyAppended sends an answer whose data appendData appends as JSON. Unlike Reply it allocates nothing of its own.
func (c *Call) ReplyAppended(appendData func(b []byte) ([]byte, error)) error {
	if c.recording != nil {
		data, err := appendData(nil)
		if err != nil {
			return err
		}
		return c.recording.take(Answer{Raw: data})
	}
	out := getScratch()
	defer putScratch(out)
	b, err := appendData(append(*out, `{"data":`...))
	if err != nil {
		return err
	}
	return c.sendMade(http.StatusOK, c.appendEnd(b, 0), out)
}

// sendMade writes an answer that was made for this request in the memory of out. A long one holds its octets of the
// budget until the client has read it.
func (c *Call) sendMade(status int, b []byte, out *[]byte) error {
	if len(b) > admission.FreeAnswer {
		if err := c.holdAnswer(int64(cap(b))); err != nil {
			return err
		}
	}
	c.send(status, jsonType, b)
	*out = b // keeps the memory that it grew
	return nil
}

// appendEnd closes the envelope of a success.
func (c *Call) appendEnd(b []byte, revision int64) []byte {
	b = AppendString(append(b, `,"request_id":`...), c.id)
	if revision != 0 {
		b = append(strconv.AppendInt(append(b, `,"revision":"`...), revision, 10), '"')
	}
	b = append(b, `,"status":"success","timestamp":"`...)
	b = append(time.Now().UTC().AppendFormat(b, time.RFC3339), '"')
	return append(b, c.server.tail...)
}

// Send writes a whole answer of a media type, in no envelope.
func (c *Call) Send(status int, mediaType string, b []byte) { c.send(status, []string{mediaType}, b) }

func (c *Call) send(status int, contentType []string, b []byte) {
	h := c.Header()
	h["Content-Type"] = contentType
	if len(b) > 2000 { // net/http counts shorter ones itself
		h["Content-Length"] = []string{strconv.Itoa(len(b))}
	}
	c.leavePlace()
	c.WriteHeader(status)
	if len(b) > admission.FreeAnswer {
		c.writeLong(b)
		return
	}
	c.Write(b) //nolint:errcheck // the client is gone: nobody to tell
}

// Created makes an answer a 201.
func (a Answer) Created(location string) Answer {
	a.Status, a.Location = http.StatusCreated, location
	return a
}

// AppendString appends a JSON string. Plain ASCII, nearly all of them, is copied.
func AppendString(b []byte, s string) []byte {
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
