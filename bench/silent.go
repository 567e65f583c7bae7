package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// newSilent makes the port of the servers that never answer. Its address is not that of the quiet tenant's server: the service
// bounds the packets to each address.
func newSilent() (*net.UDPConn, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
}

// counted adds to what became of an attack how many packets it sent a second.
func (t *tenants) counted(a attack) attack {
	return func(ctx context.Context) (string, error) {
		var got atomic.Int64
		go func() {
			for {
				if _, _, err := t.silent.ReadFromUDP(nil); err != nil {
					return
				}
				got.Add(1)
			}
		}()
		begun := time.Now()
		became, err := a(ctx)
		return fmt.Sprintf("%s, %.0f packets/s", became, float64(got.Load())/time.Since(begun).Seconds()), err
	}
}

// silentDocument is a tenant's document with so many servers that never answer.
func (t *tenants) silentDocument(servers, retries int) (map[string]any, error) {
	doc, err := tenantDocument(t.Backend, 4*loudClients)
	if err != nil {
		return nil, err
	}
	at := t.silent.LocalAddr().(*net.UDPAddr)
	var list, names []any
	for i := range servers {
		name := fmt.Sprint("silent-", i)
		names = append(names, name)
		list = append(list, map[string]any{
			"enabled": true, "name": name, "address": at.IP.String(), "port": at.Port, "secret": name,
			"aaa_engine": "radius", "dicts": []string{"dictionary"}, "avp": "strict", "retries": retries, "timeout": 100,
		})
	}
	doc["servers"], doc["authentication"], doc["authorization"], doc["accounting"] = list, names, names, names
	return doc, nil
}

// besideSilent is the quiet tenant's request, and a document whose servers are all silent.
func (t *tenants) besideSilent(ctx context.Context, servers, retries int) (quiet []byte, doc map[string]any, err error) {
	if quiet, err = t.plainQuiet(ctx); err != nil {
		return nil, nil, err
	}
	if t.silent, err = newSilent(); err != nil {
		return nil, nil, err
	}
	doc, err = t.silentDocument(servers, retries)
	return quiet, doc, err
}

// askAgain is a table that asks all servers again whenever none has answered.
const askAgain = `{"states":[
	{"name":"Start","lines":[{"state":"*","action":"+AUTHEN","event":"ACK","do":"RAD2RAD","next":"Again","xstring":"authentication"}]},
	{"name":"Again","lines":[{"state":"*","action":"RAD2RAD","event":"ERROR","do":"RAD2RAD","next":"Again","xstring":"authentication"},
		{"state":"*","action":"*","event":"TIMEOUT","do":"NULL","next":"End"}]}]}`

// prepareSilentTable has each request of the loud tenant send as many packets as it may to servers that never answer.
func prepareSilentTable(ctx context.Context, t *tenants) ([]byte, error) {
	quiet, doc, err := t.besideSilent(ctx, 16, 10)
	if err != nil {
		return nil, err
	}
	doc["fsm"] = map[string]any{"authn": "again"}
	if err := t.svc.call(ctx, http.MethodPut, "/v2/accounts/"+t.Loud+"/aaa/fsm/again", json.RawMessage(askAgain), nil); err != nil {
		return nil, err
	}
	return quiet, t.svc.put(ctx, t.Loud, doc)
}

func silentTable(t *tenants) attack { return t.loginsAt(t.Loud) }

// loginsAt is an attack by logins at accounts whose servers are silent.
func (t *tenants) loginsAt(accounts ...string) attack {
	return t.counted(crowd(loudClients, "logins at silent servers", func(ctx context.Context, client, n int) (int, error) {
		path := "/v2/accounts/" + accounts[(client+n)%len(accounts)] + "/aaa/authn"
		return t.loudly(ctx, client, http.MethodPost, path, "application/json", []byte(requestBody))
	}))
}

// silentDocuments is how many documents of 64 silent servers each the loud tenant has.
const silentDocuments = 32

// prepareManySilent gives the loud tenant many documents, none of whose servers answers.
func prepareManySilent(ctx context.Context, t *tenants) ([]byte, error) {
	quiet, doc, err := t.besideSilent(ctx, 64, 0)
	if err != nil {
		return nil, err
	}
	for i := range silentDocuments {
		var made struct {
			ID string `json:"id"`
		}
		if err := t.svc.call(ctx, http.MethodPut, "/v2/accounts/"+t.Loud, map[string]any{"name": fmt.Sprint("loud ", i)}, &made); err != nil {
			return nil, err
		}
		if err := t.svc.put(ctx, made.ID, doc); err != nil {
			return nil, err
		}
		t.Below = append(t.Below, made.ID)
	}
	return quiet, nil
}

func manySilent(t *tenants) attack { return t.loginsAt(t.Below...) }
