package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
)

// heavyClients is how many connections upload and check at a time.
const heavyClients = 16

// heavyUploads has the loud tenant check tables of 1 MiB and replace a dictionary of 1 MiB without a pause.
func heavyUploads(ctx context.Context, t *tenants) ([]byte, attack, error) {
	quiet, err := t.plainQuiet(ctx)
	if err != nil {
		return nil, nil, err
	}
	var table, dictionary bytes.Buffer
	for i := 0; table.Len() < 1<<20-200; i++ {
		fmt.Fprintf(&table, "State-%d:\n\t*.RADIUS.ACK\tRADIUS\tState-%d\n\t*.*.TIMEOUT\tNULL\tEnd\n", i, i+1)
	}
	for i := 0; dictionary.Len() < 1<<20; i++ {
		fmt.Fprintf(&dictionary, "VENDOR Loud-%d %d\n", i, 100000+i)
	}
	base := "/v2/accounts/" + t.loud + "/aaa"
	if status, err := t.loudly(ctx, 0, http.MethodPut, base+"/dictionary?name=loud", "text/plain", dictionary.Bytes()); err != nil || status != http.StatusCreated {
		return nil, nil, fmt.Errorf("the dictionary: %d, %w", status, err)
	}
	return quiet, crowd(heavyClients, "uploads and checks of 1 MiB", func(ctx context.Context, client, n int) (int, error) {
		path, body := "/fsm/check", table.Bytes()
		if n%2 == 1 {
			path, body = "/dictionary?name=loud", dictionary.Bytes()
		}
		return t.loudly(ctx, client, http.MethodPost, base+path, "text/plain", body)
	}), nil
}
