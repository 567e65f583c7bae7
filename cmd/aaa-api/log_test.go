package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLogAtAStop: a node that is told to stop under load leaves a line of each request that it has answered.
func TestLogAtAStop(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), nil)
	const clients, enough = 4, 200
	answered := make([][]string, clients) // request ids
	var all atomic.Int64
	var wg sync.WaitGroup
	loaded := make(chan struct{})
	for c := range clients {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("client-%d-request-%d.", c, i)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/v2/whoami", nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("X-Request-Id", id)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					return // the node is gone
				}
				res.Body.Close()
				answered[c] = append(answered[c], id)
				if all.Add(1) == enough {
					close(loaded)
				}
			}
		})
	}
	<-loaded
	p.stop()
	wg.Wait()
	log := p.log()
	for _, ids := range answered {
		for _, id := range ids {
			if strings.Count(log, id) != 1 {
				t.Fatalf("request %s has %d lines, of %d answered", id, strings.Count(log, id), all.Load())
			}
		}
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, `"msg":"stopped"`) {
		t.Errorf("the last line is %s", last)
	}
}

// TestStopWhileNobodyReadsTheLog: a node ends where nothing reads its log, and does not wait to say so there.
func TestStopWhileNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--isolation=none", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir()}, environment{
			stdin: strings.NewReader(""), stdout: cancels(cancel), stderr: write, // the node prints after it has logged
		})
	}()
	select {
	case code := <-ended:
		if code != 1 {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(20 * time.Second):
		t.Error("the node did not end")
	}
	read.Close() //nolint:errcheck,gosec // a pipe in memory
}

// cancels is a writer that ends a context.
type cancels context.CancelFunc

func (c cancels) Write(b []byte) (int, error) {
	c()
	return len(b), nil
}
