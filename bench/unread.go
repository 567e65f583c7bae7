package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// unreadPause is how long the loud tenant leaves an answer unread and a body unfinished before it begins anew.
const unreadPause = 500 * time.Millisecond

// prepareUnread gives the loud tenant a dictionary whose answer is long.
func prepareUnread(ctx context.Context, t *tenants) ([]byte, error) {
	quiet, err := t.plainQuiet(ctx)
	if err != nil {
		return nil, err
	}
	var entries []any
	for i := range 20_000 {
		if i%250 == 0 {
			entries = append(entries, map[string]any{"vendor": map[string]any{fmt.Sprint("Loud-", i): 100_000 + i}})
		}
		entries = append(entries, map[string]any{"attr": map[string]any{
			"vid": 100_000 + i/250*250, "id": i%250 + 1, "type": "string", "name": fmt.Sprintf("Loud-Attribute-%048d", i),
		}})
	}
	return quiet, t.svc.call(ctx, http.MethodPut, t.dictionaries(), map[string]any{"name": "loud", "value": entries}, nil)
}

func (t *tenants) dictionaries() string { return "/v2/accounts/" + t.Loud + "/aaa/dictionary" }

// unreadAnswers has the loud tenant leave long answers unread, and long bodies unfinished.
func unreadAnswers(t *tenants) attack {
	base := t.dictionaries()
	body := bytes.Repeat([]byte(" "), 8<<20-1)
	return crowd(loudClients, "answers unread and bodies unfinished", func(ctx context.Context, client, _ int) (int, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp4", t.Address)
		if err != nil {
			return 0, err
		}
		defer context.AfterFunc(ctx, func() { c.Close() })()
		defer c.Close()
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10) // little of what is not read
		const head = "%s HTTP/1.1\r\nHost: bench\r\nX-Auth-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
		if client%2 == 0 {
			fmt.Fprintf(c, head, "GET "+base+"/loud", t.LoudTokens[client], 0)
			status := make([]byte, len("HTTP/1.1 200"))
			if _, err := io.ReadFull(c, status); err != nil {
				return 0, err
			}
			wait(ctx, unreadPause)
			return strconv.Atoi(string(status[9:]))
		}
		fmt.Fprintf(c, head, "PUT "+base, t.LoudTokens[client], 8<<20)
		_, _ = c.Write(body) // the service may refuse it before its end
		wait(ctx, unreadPause)
		return http.StatusOK, nil
	})
}

func wait(ctx context.Context, long time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(long):
	}
}
