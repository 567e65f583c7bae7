package session

import (
	"errors"
	"testing"

	"aaa-api/internal/aaa"
)

// TestAnswerIsNamed: an answer that can't be sent is told of as the caller wrote it, and the login goes on from where it was.
func TestAnswerIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){
		challenge("s"), fails(aaa.KindBadInput, aaa.Field{Path: "code", Rule: "regexp"}, aaa.Field{Path: "codeword"}, aaa.Field{Path: "code.0"}), accept(nil),
	}
	sid := w.start(m).SID
	_, err := m.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "pin\n"}, "r")
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || e.Fields[0].Path != "answer" || e.Fields[1].Path != "codeword" || e.Fields[2].Path != "answer.0" {
		t.Errorf("%+v", err)
	}
	if got := w.aaa.last().Values["code"]; got != "pin\n" {
		t.Errorf("the answer became %q", got)
	}
	w.is(m, sid, Cont, "")
	a, err := m.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "pin"}, "r")
	w.must(err)
	if a.Result != aaa.SessionAuthenticated {
		t.Errorf("%+v", a)
	}
}

// TestAnswerTwice: a CONT that brings the answer and the key that it stands for as well is refused, since one of them would
// not be sent; the login goes on from where it was.
func TestAnswerTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.manager("a")
	w.aaa.script = []func(*aaa.Request) (*aaa.Result, error){challenge("s"), accept(nil)}
	sid := w.start(m).SID
	_, err := m.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"answer": "1", "code": "2"}, "r")
	w.refused(err, aaa.KindBadInput)
	var e *aaa.Error
	if errors.As(err, &e); len(e.Fields) != 1 || e.Fields[0].Path != "answer" {
		t.Errorf("%+v", e.Fields)
	}
	if n := w.asked(); n != 1 {
		t.Errorf("%d requests", n)
	}
	w.is(m, sid, Cont, "")
	_, err = m.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"State": "of another login", "answer": "1"}, "r")
	w.refused(err, aaa.KindBadInput)
	_, err = m.ContinueSession(w.ctx, w.mine, sid, aaa.Values{"code": "2"}, "r")
	w.must(err)
}
