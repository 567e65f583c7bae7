package tacacs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestNewRequest: the type and the sequence number of a header say which body a client sends (RFC 8907 §4.1).
func TestNewRequest(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind Type
		seq  byte
		want string
		err  error
	}{
		{TypeAuthen, 1, "*tacacs.AuthenStart", nil},
		{TypeAuthen, 3, "*tacacs.AuthenContinue", nil},
		{TypeAuthen, 255, "*tacacs.AuthenContinue", nil},
		{TypeAuthor, 1, "*tacacs.AuthorRequest", nil},
		{TypeAcct, 1, "*tacacs.AcctRequest", nil},
		{TypeAuthen, 0, "<nil>", FaultSequence},
		{TypeAuthen, 2, "<nil>", FaultSequence},
		{TypeAuthor, 3, "<nil>", FaultSequence},
		{TypeAcct, 2, "<nil>", FaultSequence},
		{0, 1, "<nil>", FaultType},
		{4, 1, "<nil>", FaultType},
	} {
		got, err := NewRequest(Header{Type: tc.kind, Seq: tc.seq})
		if fmt.Sprintf("%T", got) != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%v %d: %T, %v", tc.kind, tc.seq, got, err)
		}
	}
}

// TestAnswer: a reply keeps the session and the version of its request.
func TestAnswer(t *testing.T) {
	t.Parallel()
	h := Header{Version1, TypeAuthen, 3, FlagSingleConnect, 7, 99}
	if got, want := h.Answer(FlagUnencrypted), (Header{Version1, TypeAuthen, 4, FlagUnencrypted, 7, 99}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestValidateReplies: a server sends no reply with a status that does not exist, or with what is no argument.
func TestValidateReplies(t *testing.T) {
	t.Parallel()
	half := strings.Repeat("x", 40000)
	for name, tc := range map[string]struct {
		body Reply
		bad  string // field; empty: good
	}{
		"PASS":            {&AuthenReply{Status: AuthenPass, ServerMsg: "grüß dich\r\n"}, ""},
		"no status":       {&AuthenReply{}, "status"},
		"status 8":        {&AuthenReply{Status: 8}, "status"},
		"longer together": {&AuthenReply{Status: AuthenFail, ServerMsg: half, Data: Sensitive(half)}, "body"},
		"message":         {&AuthenReply{Status: AuthenFail, ServerMsg: half + half}, "server_msg"},
		"PASS_ADD":        {&AuthorReply{Status: AuthorPassAdd, Args: []string{"priv-lvl=15"}}, ""},
		"no separator":    {&AuthorReply{Status: AuthorPassAdd, Args: []string{"priv-lvl"}}, "arg"},
		"not ASCII":       {&AuthorReply{Status: AuthorPassAdd, Args: []string{"a=ü"}}, "arg"},
		"author status":   {&AuthorReply{Status: 3}, "status"},
		"SUCCESS":         {&AcctReply{Status: AcctSuccess}, ""},
		"acct status":     {&AcctReply{Status: 3}, "status"},
		"data":            {&AcctReply{Status: AcctError, Data: Sensitive(half + half)}, "data"},
	} {
		var fault *FieldError
		err := tc.body.Validate()
		if errors.As(err, &fault); tc.bad == "" && err != nil || tc.bad != "" && (fault == nil || fault.Field != tc.bad) {
			t.Errorf("%s: %v, want %q", name, err, tc.bad)
		}
	}
}

// TestLongerTogether: Validate refuses a request whose fields fit one by one and not together.
func TestLongerTogether(t *testing.T) {
	t.Parallel()
	half, args := Sensitive(strings.Repeat("x", 40000)), make([]string, 255)
	for i := range args {
		args[i] = "a=" + strings.Repeat("x", 253)
	}
	full := Identity{User: args[0], Port: args[0], RemAddr: args[0]}
	for _, body := range []Request{
		&AuthenContinue{UserMsg: half, Data: half},
		&AuthorRequest{Identity: full, Args: args},
		&AcctRequest{Flags: AcctStart, Identity: full, Args: args},
	} {
		var fault *FieldError
		if err := body.Validate(); !errors.As(err, &fault) || fault.Field != "body" {
			t.Errorf("%T: %v", body, err)
		}
	}
}

// TestLongestBody: each body is encoded and decoded up to MaxBody octets, and no further.
func TestLongestBody(t *testing.T) {
	t.Parallel()
	args := make([]string, 255)
	for i := range args {
		args[i] = "a=" + strings.Repeat("x", 253)
	}
	longest := func(fixed int) string { return strings.Repeat("x", MaxBody-fixed) }
	user := func(fixed int) Identity { return Identity{User: longest(fixed + len(args)*256)} } // beside all of the arguments
	for name, pair := range map[string][2]Body{
		"reply":         {&AuthenReply{ServerMsg: longest(replyFixed)}, &AuthenReply{ServerMsg: longest(replyFixed - 1)}},
		"continue":      {&AuthenContinue{UserMsg: Sensitive(longest(continueFixed))}, &AuthenContinue{UserMsg: Sensitive(longest(continueFixed - 1))}},
		"author reply":  {&AuthorReply{ServerMsg: longest(authorReplyFixed)}, &AuthorReply{ServerMsg: longest(authorReplyFixed - 1)}},
		"acct reply":    {&AcctReply{ServerMsg: longest(acctReplyFixed)}, &AcctReply{ServerMsg: longest(acctReplyFixed - 1)}},
		"authorization": {&AuthorRequest{user(identityFixed), args}, &AuthorRequest{user(identityFixed - 1), args}},
		"accounting":    {&AcctRequest{0, user(1 + identityFixed), args}, &AcctRequest{0, user(identityFixed), args}},
	} {
		fits, over := pair[0], pair[1]
		b, err := fits.Append(nil)
		if err != nil || len(b) != MaxBody {
			t.Errorf("%s: %d octets, %v", name, len(b), err)
			continue
		}
		if err := fits.Decode(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := fits.Decode(append(b, 0)); !errors.Is(err, FaultTooLong) {
			t.Errorf("%s and an octet: %v", name, err)
		}
		var field *FieldError
		if _, err := over.Append(nil); !errors.As(err, &field) || field.Field != "body" {
			t.Errorf("%s over: %v", name, err)
		}
	}
}
