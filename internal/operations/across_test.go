package operations

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/gateway"
	"aaa-api/internal/line"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

const (
	own     aaa.AccountID = "00000000000000000000000000000001"
	below   aaa.AccountID = "00000000000000000000000000000002"
	foreign aaa.AccountID = "00000000000000000000000000000003"
	stopped aaa.AccountID = "00000000000000000000000000000004"
)

// tree has the account own, with below under it.
type tree struct{ Tree }

func (tree) Within(_ context.Context, ancestor, id aaa.AccountID) (bool, error) {
	return ancestor == id || ancestor == own && id == below, nil
}
func (tree) Enabled(_ context.Context, id aaa.AccountID) (bool, error) { return id != stopped, nil }

// holders are the tokens that there are.
type holders map[string]token.Principal

func (h holders) Verify(_ context.Context, text string, _ token.Guard) (token.Principal, error) {
	p, ok := h[text]
	if !ok {
		return p, ErrNoToken
	}
	return p, nil
}

func (h holders) VerifyKey(ctx context.Context, text string, g token.Guard) (token.Principal, error) {
	return h.Verify(ctx, text, g)
}

// documents has one document.
type documents struct{ store.Documents }

// stored is a store of documents alone.
type stored struct{ store.Store }

func (stored) Documents() store.Documents { return documents{} }

// cold is an admin.Tree that has no account in memory.
type cold struct{ admin.Tree }

func (cold) WarmAccount(aaa.AccountID) (store.Account, error) {
	return store.Account{}, store.ErrUnavailable
}

func (documents) Get(_ context.Context, account aaa.AccountID) (store.Document, error) {
	if account == below {
		return store.Document{}, store.ErrNotFound
	}
	return store.Document{Account: account, Revision: 7, Body: json.RawMessage(`{"aaa_mode":"on","authz_password":"sealed"}`)}, nil
}

// accepting answers each request with what it was asked.
type accepting struct{ gateway.Service }

func (accepting) Handle(ctx context.Context, q *aaa.Request) (*aaa.Result, error) {
	switch q.Values["username"] {
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "panic":
		panic("oh")
	case "nobody":
		return nil, &aaa.Error{Kind: aaa.KindNoAnswer, Message: "no server answered", Attempts: 3, Server: "one", Trace: &aaa.Trace{LeftOut: 1}}
	}
	return &aaa.Result{Outcome: aaa.Accept, Document: q.Account, Keys: q.Values, AVPs: aaa.AVPs{{AVP: aaa.AVP{Attr: &aaa.Attribute{Name: "Class"}}, As: "Class"}}}, nil
}

// across is Parts in this process, and the same at the other end of a line.
func across(t testing.TB) (here *Parts, there *line.Conn, log *bytes.Buffer) {
	t.Helper()
	log = &bytes.Buffer{}
	parts := &Parts{
		Tree: tree{}, Service: accepting{}, Admin: admin.New(admin.Options{Store: stored{}, Tree: cold{}}),
		Verifier: holders{
			"all":      {Account: own, Scopes: token.Scopes()},
			"ask":      {Account: own, Scopes: []string{token.ScopeRequest}},
			"disabled": {Account: stopped, Scopes: token.Scopes()},
		},
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "line")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	server := line.New(ends[0], line.Options{Handler: parts, Log: parts.Log, NameOf: NameOf})
	there = line.New(ends[1], line.Options{})
	t.Cleanup(func() {
		there.Close()
		there.Wait()
		server.Wait()
	})
	return parts, there, log
}

// TestOperationsAcross: a call has the same answer in its own process and over the line, refusals too.
func TestOperationsAcross(t *testing.T) {
	t.Parallel()
	here, there, _ := across(t)
	for _, c := range []struct {
		token   string
		account aaa.AccountID
		kind    aaa.Kind // of the error; KindInternal: there is none
	}{
		{"all", own, 0},
		{"all", below, aaa.KindNotFound}, // has no document
		{"all", foreign, aaa.KindNotFound},
		{"all", aaa.SystemConfig, aaa.KindNotFound},
		{"all", "nonsense", aaa.KindNotFound},
		{"all", "", aaa.KindNotFound},
		{"ask", own, aaa.KindForbidden},
		{"", own, aaa.KindUnauthorized},
		{"guessed", own, aaa.KindUnauthorized},
		{"disabled", stopped, aaa.KindForbidden},
	} {
		from := line.From{Token: c.token, Account: c.account, RequestID: "r", At: time.Now()}
		want, wantErr := GetDocument.Call(t.Context(), here, from, KnownDocument{})
		got, err := GetDocument.Call(t.Context(), there, from, KnownDocument{})
		if (wantErr != nil) != (c.kind != 0) || aaa.KindOf(wantErr) != c.kind {
			t.Errorf("%s, %s: %v", c.token, c.account, wantErr)
		}
		if !reflect.DeepEqual(got, want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() || aaa.KindOf(err) != aaa.KindOf(wantErr) {
			t.Errorf("%s, %s:\nover the line %+v, %v\nin process    %+v, %v", c.token, c.account, got, err, want, wantErr)
		}
	}
	known, err := GetDocument.Call(t.Context(), there, line.From{Token: "all", Account: own}, KnownDocument{aaa.Revisions{Given: true, List: []int64{7}}})
	if err != nil || known.Revision != 7 || known.Body != nil {
		t.Errorf("%+v, %v", known, err)
	}
}

// TestRequestsAcross: a request is for the account that the gate let through, whatever the front wrote into it.
func TestRequestsAcross(t *testing.T) {
	t.Parallel()
	here, there, log := across(t)
	from := line.From{Token: "ask", Account: below, RequestID: "r1"}
	ask := func(to line.Caller, user string) (*aaa.Result, error) {
		return Handle.Call(t.Context(), to, from, aaa.Request{Account: foreign, Values: aaa.Values{"username": user, "port": json.Number("1.0")}})
	}
	got, err := ask(there, "x")
	if err != nil || got.Document != below {
		t.Fatalf("%+v, %v", got, err)
	}
	if want, _ := ask(here, "x"); !reflect.DeepEqual(got, want) {
		t.Errorf("over the line %+v\nin process    %+v", got, want)
	}
	_, err = ask(there, "nobody")
	if _, want := ask(here, "nobody"); !reflect.DeepEqual(err, want) {
		t.Errorf("over the line %#v\nin process    %#v", err, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Handle.Call(ctx, there, from, aaa.Request{Values: aaa.Values{"username": "wait"}}); err == nil {
		t.Error("a request outlives its caller")
	}
	if _, err := ask(there, "panic"); err == nil || aaa.KindOf(err) != aaa.KindInternal {
		t.Error(err)
	}
	there.Close()
	if _, err := ask(there, "x"); aaa.KindOf(err) != aaa.KindUnavailable {
		t.Error(err)
	}
	there.Wait()
	if text := log.String(); !strings.Contains(text, "operation=requests.handle") || !strings.Contains(text, "request_id=r1") || strings.Contains(text, "token") {
		t.Errorf("log %s", text)
	}
}

// TestUnknownOperation: a front that is of another build, or taken over, is refused and no more.
func TestUnknownOperation(t *testing.T) {
	t.Parallel()
	_, there, _ := across(t)
	for _, number := range []uint16{uint16(len(all)), 65535} {
		if err := there.Call(t.Context(), number, &line.From{Token: "all"}, &None{}, &None{}); aaa.KindOf(err) != aaa.KindInternal || err == nil {
			t.Error(err)
		}
	}
	if _, err := Handle.Call(t.Context(), there, line.From{Token: "all", Account: own}, aaa.Request{}); err != nil {
		t.Error(err)
	}
}
