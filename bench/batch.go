package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// batchLines is how many requests one call of the batch measurement makes.
const batchLines = 10_000

// measureBatch compares authn requests of many kept connections, each with one at a time, with the same in calls of many.
func measureBatch(ctx context.Context, s settings, dir string) []row {
	r := row{name: "authn by batch / one by one, requests a processor second", format: "%.2f×", target: 3}
	if err := batch(ctx, s, dir, &r); err != nil {
		r.err = err
	}
	return []row{r}
}

func batch(ctx context.Context, s settings, dir string, r *row) error {
	responder, backend, err := startSelf(ctx, "responder")
	if err != nil {
		return err
	}
	defer responder.stop() //nolint:errcheck // it ends by our signal
	single, err := startGateway(ctx, s.binary, filepath.Join(dir, "service"), backend)
	if err != nil {
		return err
	}
	defer single.process.stop() //nolint:errcheck // it ends by our signal
	single.name, single.Clients, single.Seconds, single.generate = "one by one", restClients, s.seconds, runOwn
	many := &gateway{name: "batch", process: single.process, load: single.load, generate: runBatch}
	var contenders []contender
	for _, g := range []*gateway{single, many} {
		if _, err := g.run(ctx); err != nil { // connections, pools and caches are warm before it counts
			return err
		}
		g.used, g.answered = 0, 0
		contenders = append(contenders, contender{name: g.name, run: func() (float64, error) { return g.run(ctx) }})
	}
	rates, err := alternate(s.rounds, contenders...)
	if err != nil {
		return err
	}
	r.value = float64(single.perRequest()) / float64(many.perRequest())
	r.detail = fmt.Sprintf("processor time of a request %v against %v; %.0f/s against %.0f/s", many.perRequest(), single.perRequest(), median(rates["batch"]), median(rates["one by one"]))
	return nil
}

// runBatch makes the load's first request many times a call.
func runBatch(ctx context.Context, l load) (t tally, err error) {
	head, body, _ := strings.Cut(string(l.Requests[0]), "\r\n\r\n")
	path := strings.TrimSuffix(strings.Fields(head)[1], "authn") + "batch"
	_, token, _ := strings.Cut(head, "X-Auth-Token: ")
	token, _, _ = strings.Cut(token, "\r\n")
	var lines strings.Builder
	for i := range batchLines {
		fmt.Fprintf(&lines, `{"id":"%d","op":"authn",%s`+"\n", i, strings.TrimPrefix(body, "{"))
	}
	begun := time.Now()
	for time.Since(begun).Seconds() < l.Seconds {
		if err := t.batch(ctx, "http://"+l.Address+path, token, lines.String(), l.Want); err != nil {
			return t, err
		}
	}
	t.Seconds = time.Since(begun).Seconds()
	return t, nil
}

// batch makes one call and counts its answers.
func (t *tally) batch(ctx context.Context, url, token, lines, want string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(lines))
	if err != nil {
		return err
	}
	req.Header.Set("X-Auth-Token", token)
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := apiClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answers := bufio.NewScanner(resp.Body)
	for answers.Scan() {
		line := answers.Text()
		if strings.HasPrefix(line, `{"done":true`) {
			return nil
		}
		t.Requests++
		if !strings.Contains(line, want) {
			if t.Bad++; t.FirstBad == "" {
				t.FirstBad = line
			}
		}
	}
	return fmt.Errorf("the answer with status %d has no end: %w", resp.StatusCode, answers.Err())
}
