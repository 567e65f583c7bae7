package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/logging"
)

// When the caller goes away, its requests end as single ones do, while accounting that was taken goes on. Half a line is not run.
func TestBatchWhoseCallerGoes(t *testing.T) {
	t.Parallel()
	for name, whole := range map[string]bool{"after the body": true, "within it": false} {
		ended := make(chan string, 10)
		began := make(chan string, 10)
		let := make(chan struct{})
		var log syncBuffer
		w := newWorld(t, func(o *worldOptions) {
			o.Requests = logging.NewRequests(&log, slog.LevelInfo, "node1")
			o.Service = scripted{o.Service, 100, func(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
				began <- req.Op.String()
				if req.Op == aaa.Accounting {
					<-let
				} else {
					<-ctx.Done()
				}
				ended <- fmt.Sprintf("%v: %v", req.Op, ctx.Err())
				return accepted, ctx.Err()
			}}
		})
		c := w.dial(w.served())
		body := `{"id":"1","op":"authn","data":{"User-Name":"bob"}}` + "\n" + `{"id":"2","op":"accounting","data":{"User-Name":"bob"}}` + "\n"
		length := len(body)
		if !whole {
			body += `{"id":"3","op":"accounting","data":{}}`
			length = len(body) + 1
		}
		w.head(c, w.tenantToken, fmt.Sprintf("Content-Length: %d", length))
		c.send("%s", body)
		<-began
		<-began
		c.Close()
		if got := <-ended; got != "authn: context canceled" {
			t.Errorf("%s: %s", name, got)
		}
		close(let)
		if got := <-ended; got != "accounting: <nil>" {
			t.Errorf("%s: %s", name, got)
		}
		w.server.Close()
		for w.api.Budget.Held() != 0 {
			time.Sleep(time.Millisecond)
		}
		if len(began) > 0 {
			t.Errorf("%s: half a line was run", name)
		}
	}
}

// A token that is revoked while a batch runs ends it.
func TestBatchOfARevokedToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	made := w.call(w.rootToken, "PUT", at(w.tenant, "/tokens"), "").want(201)
	w.tenantToken = made.str("data", "token")
	d := w.open(w.server.Client(), w.server.URL, fmt.Sprintf(goodLine, 0))
	d.answer()
	w.call(w.rootToken, "DELETE", at(w.tenant, "/tokens/"+made.str("data", "id")), "").want(200)
	for i := 1; ; i++ {
		d.send(fmt.Sprintf(goodLine, i))
		a := d.answer()
		if a.Status != "error" || a.ID != "" && a.Error == "401" { // a line that was taken before is refused by its id
			continue
		}
		if a.Error != "401" || a.Line != i+1 {
			t.Errorf("%+v", a)
		}
		break
	}
	if a := d.answer(); !a.Done {
		t.Errorf("%+v", a)
	}
}

// A node that stops takes no further line, and answers those it took.
func TestBatchOfANodeThatStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	d := w.open(w.server.Client(), w.server.URL, fmt.Sprintf(goodLine, 1))
	d.answer()
	w.api.Stop()
	d.send(fmt.Sprintf(goodLine, 2))
	if a := d.answer(); a.Error != "503" || a.Line != 2 || a.RetryAfter != 1 {
		t.Errorf("%+v", a)
	}
	if a := d.answer(); !a.Done || a.Lines != 1 || a.Errors != 0 {
		t.Errorf("%+v", a)
	}
	w.batch(w.tenantToken, w.tenant, "", fmt.Sprintf(goodLine, 1)).refused(503, "overloaded")
}
