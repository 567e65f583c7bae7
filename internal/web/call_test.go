package web

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/logging"
)

// TestLeaversAreNoFault: the access log warns of requests that failed, not of those whose callers went away.
func TestLeaversAreNoFault(t *testing.T) {
	t.Parallel()
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want string
	}{
		{t.Context(), aaa.Errorf(aaa.KindNoAnswer, "nobody"), "WARN"},
		{gone, context.Canceled, "INFO"}, // in the account's queue
		{gone, &aaa.Error{Kind: aaa.KindNoAnswer, Message: "the caller went away", Err: context.Canceled}, "INFO"},
		{gone, aaa.Errorf(aaa.KindNoAnswer, "nobody"), "WARN"}, // and the caller went away afterwards
		{t.Context(), context.Canceled, "WARN"},                // something else was
	} {
		var log bytes.Buffer
		server := New(Options{Log: slog.New(slog.DiscardHandler), Requests: logging.NewRequests(&log, slog.LevelInfo, "node1")})
		r := httptest.NewRequestWithContext(c.ctx, "PATCH", "/", nil)
		call := server.NewCall(httptest.NewRecorder(), r, "")
		call.fail(c.err)
		call.finish()
		var line struct{ Msg, Level string }
		ok(t, json.Unmarshal(log.Bytes(), &line))
		if line.Msg != "request" || line.Level != c.want {
			t.Errorf("%v, caller's context %v: %+v, want %s", c.err, c.ctx.Err(), line, c.want)
		}
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Half an answer before a panic must not look like a whole one.
func TestPanicWithinAnAnswer(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	door := New(Options{Log: slog.New(slog.NewJSONHandler(&log, nil))}).NewDoor([]Route{{
		Method: "GET", Pattern: "/half",
		Handle: func(c *Call) error {
			_, _ = c.Write(bytes.Repeat([]byte("x"), 10_000))
			panic("half way")
		},
	}}, nil)
	server := httptest.NewServer(door)
	resp, err := server.Client().Get(server.URL + "/half")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		ok(t, resp.Body.Close())
	}
	if err == nil {
		t.Error("the answer ended as if it were whole")
	}
	server.Close()
	if !strings.Contains(log.String(), `"panic":"half way"`) {
		t.Error("the panic is not in the log")
	}
}
