package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// neighbour is what one tenant does to the node while another one, who is quiet, sends a request now and then.
type neighbour struct {
	name   string
	target float64 // most that the quiet tenant's p99 beside the attack may be of that alone
	// prepare makes the documents of both and returns the quiet tenant's request, and the attack, which goes on until ctx ends.
	prepare func(ctx context.Context, t *tenants) (quiet []byte, attack attack, err error)
}

// attack is what the loud tenant does until ctx ends. It says what became of it.
type attack func(ctx context.Context) (string, error)

// tenants are two accounts of a service, with a RADIUS server that answers.
type tenants struct {
	svc         *service
	backend     string
	quiet, loud string // ids
	quietToken  string
	loudTokens  []string // the service bounds the requests/s of each
}

var neighbours = []neighbour{
	{"packets to silent servers", 2, silentTable},
	{"expressions", 2, costlyExpressions},
	{"session timers", 2, dueSessions},
	{"unread answers", 2, unreadAnswers},
	{"hashes", 3, costlyHashes},
	{"64 silent servers a document", 2, manySilent},
	{"uploads", 2, heavyUploads},
}

// measureNeighbours plays each attack against a service of its own.
func measureNeighbours(ctx context.Context, s settings, dir string) []row {
	rows := make([]row, len(neighbours))
	for i, n := range neighbours {
		rows[i] = row{name: "quiet tenant's p99 beside " + n.name + " / alone", format: "%.2f×", target: n.target, atMost: true}
		r := &rows[i]
		r.value, r.detail, r.err = n.measure(ctx, s, fmt.Sprintf("%s/%d", dir, i))
	}
	return rows
}

// measure compares the quiet tenant's latencies alone and beside the attack, in alternating rounds.
func (n *neighbour) measure(ctx context.Context, s settings, dir string) (value float64, detail string, err error) {
	responder, backend, err := startSelf(ctx, "responder")
	if err != nil {
		return 0, "", err
	}
	defer responder.stop() //nolint:errcheck // it ends by our signal
	svc, err := startService(ctx, s.binary, dir)
	if err != nil {
		return 0, "", err
	}
	defer svc.stop() //nolint:errcheck // it ends by our signal
	t := &tenants{svc: svc, backend: backend}
	if t.quiet, err = svc.child(ctx, "quiet"); err != nil {
		return 0, "", err
	}
	if t.loud, err = svc.child(ctx, "loud"); err != nil {
		return 0, "", err
	}
	tokens, err := svc.tokens(ctx, t.quiet, 1)
	if err != nil {
		return 0, "", err
	}
	t.quietToken = tokens[0]
	if t.loudTokens, err = svc.tokens(ctx, t.loud, loudClients); err != nil {
		return 0, "", err
	}
	quiet, attack, err := n.prepare(ctx, t)
	if err != nil {
		return 0, "", err
	}
	if _, err := quietly(svc.address, quiet, time.Second/4); err != nil { // all is warm before it counts
		return 0, "", err
	}
	took := time.Duration(s.seconds * float64(time.Second))
	var alone, beside []time.Duration
	var became string
	for range s.rounds {
		list, err := quietly(svc.address, quiet, took)
		if err != nil {
			return 0, "", err
		}
		alone = append(alone, list...)
		if list, became, err = attack.beside(ctx, func() ([]time.Duration, error) { return quietly(svc.address, quiet, took) }); err != nil {
			return 0, "", err
		}
		beside = append(beside, list...)
	}
	slices.Sort(alone)
	slices.Sort(beside)
	return float64(part(beside, 99)) / float64(part(alone, 99)), fmt.Sprintf("p50 %v → %v, p99 %v → %v; %s",
		part(alone, 50), part(beside, 50), part(alone, 99), part(beside, 99), became), nil
}

// beside runs what the quiet tenant does once the attack is under way, and ends the attack.
func (a attack) beside(ctx context.Context, quiet func() ([]time.Duration, error)) (list []time.Duration, became string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type end struct {
		became string
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		became, err := a(ctx)
		ended <- end{became, err}
	}()
	select {
	case e := <-ended:
		return nil, "", fmt.Errorf("the attack ended by itself: %s: %w", e.became, e.err)
	case <-time.After(time.Second / 4): // it has to build its backlog up
	}
	list, err = quiet()
	cancel()
	e := <-ended
	return list, e.became, errors.Join(err, e.err)
}

// part is the latency that so many percent of a sorted list don't exceed.
func part(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)].Round(10 * time.Microsecond)
}

// quietPause is between an answer that the quiet tenant gets and its next request.
const quietPause = 4 * time.Millisecond

// quietly sends one request after the other, with pauses, on one connection.
func quietly(address string, request []byte, long time.Duration) ([]time.Duration, error) {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	c, err := dialLoad(addr)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var list []time.Duration
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(quietPause) {
		begun := time.Now()
		if err := c.send(request); err != nil {
			return nil, err
		}
		var answer []byte
		for answer == nil {
			if answer, err = c.receive(); err != nil {
				return nil, err
			}
		}
		list = append(list, time.Since(begun))
		if !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
			return nil, fmt.Errorf("the quiet tenant got %.500s", answer)
		}
	}
	return list, nil
}

// loudClients is how many connections the loud tenant uses, each with one request at a time.
const loudClients = 64

// flood is an attack by requests that are repeated without a pause, from a process of its own.
func flood(t *tenants, requests [][]byte) attack {
	return func(ctx context.Context) (string, error) {
		l := load{Address: t.svc.address, Clients: loudClients, Seconds: 0.5, Requests: requests, Want: `"AAA-Result":"accept"`}
		var all tally
		for ctx.Err() == nil {
			var one tally
			if err := runSelf(context.WithoutCancel(ctx), l, &one, "http-load"); err != nil { // it ends soon, and tells what it did
				return "", err
			}
			all.Requests += one.Requests
			all.Bad += one.Bad
			all.Seconds += one.Seconds
			if all.FirstBad == "" {
				all.FirstBad = one.FirstBad
			}
		}
		status, _, _ := strings.Cut(all.FirstBad, "\r\n")
		return fmt.Sprintf("the other: %.0f requests/s, %d of %d refused (%s)", float64(all.Requests)/max(all.Seconds, 1), all.Bad, all.Requests, status), nil
	}
}

// crowd is an attack by clients that call act again and again: it returns the status of the answer.
func crowd(clients int, what string, act func(ctx context.Context, client, n int) (status int, err error)) attack {
	return func(ctx context.Context) (string, error) {
		var done, refused, failed, cut atomic.Int64
		var first atomic.Pointer[string]
		var all sync.WaitGroup
		for client := range clients {
			all.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					switch status, err := act(ctx, client, n); {
					case ctx.Err() != nil:
						cut.Add(1)
					case err != nil:
						failed.Add(1)
						why := err.Error()
						first.CompareAndSwap(nil, &why)
						wait(ctx, quietPause)
					case status >= http.StatusBadRequest:
						refused.Add(1)
						why := http.StatusText(status)
						first.CompareAndSwap(nil, &why)
					default:
						done.Add(1)
					}
				}
			})
		}
		all.Wait()
		became := fmt.Sprintf("the other: %d %s, %d refused, %d failed, %d under way at the end", done.Load(), what, refused.Load(), failed.Load(), cut.Load())
		if why := first.Load(); why != nil {
			became += " (" + *why + ")"
		}
		return became, nil
	}
}

// loudly sends one request with a token of the loud tenant, and reads its answer.
func (t *tenants) loudly(ctx context.Context, client int, method, path, contentType string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+t.svc.address+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Auth-Token", t.loudTokens[client])
	req.Header.Set("Content-Type", contentType)
	res, err := apiClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// plainQuiet makes the quiet tenant's document, whose server answers, and returns its request.
func (t *tenants) plainQuiet(ctx context.Context) ([]byte, error) {
	doc, err := tenantDocument(t.backend, loudClients)
	if err != nil {
		return nil, err
	}
	return authnRequests(t.svc.address, t.quiet, t.quietToken)[0], t.svc.put(ctx, t.quiet, doc)
}

// costlyExpressions has each request of the loud tenant spend its budget on rules that try much at every octet.
func costlyExpressions(ctx context.Context, t *tenants) ([]byte, attack, error) {
	doc, err := tenantDocument(t.backend, loudClients)
	if err != nil {
		return nil, nil, err
	}
	if err := t.svc.put(ctx, t.quiet, doc); err != nil {
		return nil, nil, err
	}
	var rules []any
	for i := range 40 {
		rules = append(rules, map[string]any{
			"request_key": "key", "attribute": "Reply-Message",
			"request_value_regexp": fmt.Sprintf("((?:a?){%d}a{300})b", 250+i), "attr_value_regexp": "^(.*)$",
		})
	}
	doc["authn_avp_translation"] = append(doc["authn_avp_translation"].([]any), rules...)
	if err := t.svc.put(ctx, t.loud, doc); err != nil {
		return nil, nil, err
	}
	body := strings.Replace(requestBody, `{"data":{`, `{"data":{"key":"`+strings.Repeat("a", 1000)+`",`, 1)
	var requests [][]byte
	for _, token := range t.loudTokens {
		requests = append(requests, postRequest(t.svc.address, "/v2/accounts/"+t.loud+"/aaa/authn", token, []byte(body)))
	}
	return authnRequests(t.svc.address, t.quiet, t.quietToken)[0], flood(t, requests), nil
}

// benchHash is the hash of "hello-password", of a usual cost.
const benchHash = "$6$rounds=40000$benchsalt$.dZ8XmXk/TQlN6ZSevGqDi.x8YNd1CKwdr7IEr648Fie4xOmrC9ENdP1lqIBAaE.CGUeSZSOCthYPEDwvJjTK0"

// costlyHashes has both tenants check passwords by users files.
func costlyHashes(ctx context.Context, t *tenants) ([]byte, attack, error) {
	line := func(action, do, next string) any {
		action, event, _ := strings.Cut(action, ".")
		return map[string]any{"state": "*", "action": action, "event": event, "do": do, "next": next}
	}
	table := map[string]any{"states": []any{
		map[string]any{"name": "Start", "lines": []any{line("+AUTHEN.ACK", "FILE", "Wait")}},
		map[string]any{"name": "Wait", "lines": []any{line("FILE.ACK", "REPLY", "End"), line("FILE.NAK", "REPLY", "End"), line("FILE.ERROR", "REPLY", "End")}},
	}}
	for _, account := range []string{t.quiet, t.loud} {
		users := map[string]any{"text": "bob@example.com:" + benchHash + "\n"}
		if err := t.svc.call(ctx, http.MethodPut, "/v2/accounts/"+account+"/aaa/users/users", users, nil); err != nil {
			return nil, nil, err
		}
		if err := t.svc.call(ctx, http.MethodPut, "/v2/accounts/"+account+"/aaa/fsm/file", table, nil); err != nil {
			return nil, nil, err
		}
		doc, err := tenantDocument(t.backend, 4*loudClients)
		if err != nil {
			return nil, nil, err
		}
		doc["fsm"] = "file"
		if err := t.svc.put(ctx, account, doc); err != nil {
			return nil, nil, err
		}
	}
	return authnRequests(t.svc.address, t.quiet, t.quietToken)[0], flood(t, authnRequests(t.svc.address, t.loud, t.loudTokens...)), nil
}
