package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
)

// heavyClients is how many connections upload and check at a time.
const heavyClients = 16

// prepareUploads makes the dictionary that the loud tenant replaces.
func prepareUploads(ctx context.Context, t *tenants) ([]byte, error) {
	quiet, err := t.plainQuiet(ctx)
	if err != nil {
		return nil, err
	}
	status, err := t.loudly(ctx, 0, http.MethodPut, t.dictionaries()+"?name=loud", "text/plain", manyVendors())
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("the dictionary: %d", status)
	}
	return quiet, err
}

// manyVendors is a dictionary of 1 MiB.
func manyVendors() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, "VENDOR Loud-%d %d\n", i, 100000+i)
	}
	return b.Bytes()
}

// heavyUploads has the loud tenant check tables of 1 MiB and replace a dictionary of 1 MiB without a pause.
func heavyUploads(t *tenants) attack {
	var table bytes.Buffer
	for i := 0; table.Len() < 1<<20-200; i++ {
		fmt.Fprintf(&table, "State-%d:\n\t*.RADIUS.ACK\tRADIUS\tState-%d\n\t*.*.TIMEOUT\tNULL\tEnd\n", i, i+1)
	}
	check, dictionary := "/v2/accounts/"+t.Loud+"/aaa/fsm/check", manyVendors()
	return crowd(heavyClients, "uploads and checks of 1 MiB", func(ctx context.Context, client, n int) (int, error) {
		if n%2 == 1 {
			return t.loudly(ctx, client, http.MethodPost, t.dictionaries()+"?name=loud", "text/plain", dictionary)
		}
		return t.loudly(ctx, client, http.MethodPost, check, "text/plain", table.Bytes())
	})
}
