package web

import (
	"context"
	"encoding/json"
	"net/http"
)

// Recording takes the answer of a handler, so that it can be kept before it is sent.
type Recording struct {
	ID     string // under which the request runs
	answer Answer
	made   bool
}

// take keeps an answer. What it holds of data is the recording's own.
func (r *Recording) take(a Answer) (err error) {
	if a.Raw == nil {
		if a.Raw, err = json.Marshal(a.Data); err != nil {
			return err
		}
		a.Data = nil
	}
	r.answer, r.made = a, true
	return nil
}

// Recording is the recording under way, nil if the handler's answer is sent at once.
func (c *Call) Recording() *Recording { return c.recording }

// Record runs a handler, and returns the answer that it makes with Reply or ReplyAppended instead of sending it. The handler's
// Context is ctx.
func (c *Call) Record(ctx context.Context, id string, handle func() error) (Answer, error) {
	if err := c.stepIn(); err != nil {
		return Answer{}, err
	}
	r := &Recording{ID: id}
	came := c.r
	c.r, c.recording = c.r.WithContext(ctx), r
	defer func() { c.r, c.recording = came, nil }()
	if err := handle(); err != nil {
		return Answer{}, err
	}
	if !r.made {
		return Answer{}, errNotRecorded
	}
	return r.answer, nil
}

var errNotRecorded = &Failure{Status: http.StatusInternalServerError, Slug: SlugInternal, Detail: "the handler gave no answer that can be kept"}

// StepAside gives back the place and the turn that the request holds, while it waits for another one to end.
func (c *Call) StepAside() {
	c.aside = true
	c.EndHeavy()
	c.leavePlace()
}

// stepIn takes back what StepAside gave.
func (c *Call) stepIn() error {
	if !c.aside {
		return nil
	}
	c.aside = false
	if err := c.takePlace(); err != nil {
		return err
	}
	return c.heavyBody()
}

// keptAnswer is an Answer as it is stored.
type keptAnswer struct {
	Status   int             `json:"status,omitempty"`
	Data     json.RawMessage `json:"data"`
	Revision int64           `json:"revision,omitempty"`
	ETag     string          `json:"etag,omitempty"`
	Location string          `json:"location,omitempty"`
	Members  []keptMember    `json:"members,omitempty"`
	Warnings []Warning       `json:"warnings,omitempty"`
}

type keptMember struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// Kept is the answer that Record returned as a repetition gets it, in JSON: without Once.
func (a Answer) Kept() ([]byte, error) {
	k := keptAnswer{Status: a.Status, Data: a.Raw, Revision: a.Revision, ETag: a.ETag, Location: a.Location, Warnings: a.Warnings}
	for _, m := range a.Members {
		text, err := json.Marshal(m.Value)
		if err != nil {
			return nil, err
		}
		k.Members = append(k.Members, keptMember{m.Name, text})
	}
	return json.Marshal(k)
}

// ReadKept reads what Kept made.
func ReadKept(text []byte) (Answer, error) {
	var k keptAnswer
	if err := json.Unmarshal(text, &k); err != nil {
		return Answer{}, err
	}
	a := Answer{Status: k.Status, Raw: k.Data, Revision: k.Revision, ETag: k.ETag, Location: k.Location, Warnings: k.Warnings}
	for _, m := range k.Members {
		a.Members = append(a.Members, Member{m.Name, m.Value})
	}
	return a, nil
}
