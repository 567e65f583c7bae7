package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// silent is a port that counts packets and never answers.
type silent struct {
	at  *net.UDPAddr
	got atomic.Int64
}

// newSilent listens until ctx ends. Its address is not that of the quiet tenant's server: the service bounds the packets
// to each address.
func newSilent(ctx context.Context) (*silent, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		return nil, err
	}
	s := &silent{at: conn.LocalAddr().(*net.UDPAddr)}
	context.AfterFunc(ctx, func() { conn.Close() })
	go func() {
		for {
			if _, _, err := conn.ReadFromUDP(nil); err != nil {
				return
			}
			s.got.Add(1)
		}
	}()
	return s, nil
}

// counted adds to what became of an attack how many packets it sent a second.
func (s *silent) counted(a attack) attack {
	return func(ctx context.Context) (string, error) {
		before, begun := s.got.Load(), time.Now()
		became, err := a(ctx)
		return fmt.Sprintf("%s, %.0f packets/s", became, float64(s.got.Load()-before)/time.Since(begun).Seconds()), err
	}
}

// silentDocument is a tenant's document with so many servers that never answer.
func (t *tenants) silentDocument(at *net.UDPAddr, servers, retries int) (map[string]any, error) {
	doc, err := tenantDocument(t.backend, 4*loudClients)
	if err != nil {
		return nil, err
	}
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

// besideSilent is the quiet tenant's request, a silent port, and a document whose servers are all there.
func (t *tenants) besideSilent(ctx context.Context, servers, retries int) (quiet []byte, server *silent, doc map[string]any, err error) {
	if quiet, err = t.plainQuiet(ctx); err != nil {
		return nil, nil, nil, err
	}
	if server, err = newSilent(ctx); err != nil {
		return nil, nil, nil, err
	}
	doc, err = t.silentDocument(server.at, servers, retries)
	return quiet, server, doc, err
}

// askAgain is a table that asks all servers again whenever none has answered.
const askAgain = `{"states":[
	{"name":"Start","lines":[{"state":"*","action":"+AUTHEN","event":"ACK","do":"RAD2RAD","next":"Again","xstring":"authentication"}]},
	{"name":"Again","lines":[{"state":"*","action":"RAD2RAD","event":"ERROR","do":"RAD2RAD","next":"Again","xstring":"authentication"},
		{"state":"*","action":"*","event":"TIMEOUT","do":"NULL","next":"End"}]}]}`

// silentTable has each request of the loud tenant send as many packets as it may to servers that never answer.
func silentTable(ctx context.Context, t *tenants) ([]byte, attack, error) {
	quiet, server, doc, err := t.besideSilent(ctx, 16, 10)
	if err != nil {
		return nil, nil, err
	}
	doc["fsm"] = map[string]any{"authn": "again"}
	if err := t.svc.call(ctx, http.MethodPut, "/v2/accounts/"+t.loud+"/aaa/fsm/again", json.RawMessage(askAgain), nil); err != nil {
		return nil, nil, err
	}
	if err := t.svc.put(ctx, t.loud, doc); err != nil {
		return nil, nil, err
	}
	path := "/v2/accounts/" + t.loud + "/aaa/authn"
	return quiet, server.counted(crowd(loudClients, "logins at silent servers", func(ctx context.Context, client, _ int) (int, error) {
		return t.loudly(ctx, client, http.MethodPost, path, "application/json", []byte(requestBody))
	})), nil
}

// silentDocuments is how many documents of 64 silent servers each the loud tenant has.
const silentDocuments = 32

// manySilent has the loud tenant ask the servers of many documents, none of which answers.
func manySilent(ctx context.Context, t *tenants) ([]byte, attack, error) {
	quiet, server, doc, err := t.besideSilent(ctx, 64, 0)
	if err != nil {
		return nil, nil, err
	}
	var accounts []string
	for i := range silentDocuments {
		var made struct {
			ID string `json:"id"`
		}
		if err := t.svc.call(ctx, http.MethodPut, "/v2/accounts/"+t.loud, map[string]any{"name": fmt.Sprint("loud ", i)}, &made); err != nil {
			return nil, nil, err
		}
		if err := t.svc.put(ctx, made.ID, doc); err != nil {
			return nil, nil, err
		}
		accounts = append(accounts, made.ID)
	}
	asks := server.counted(crowd(loudClients, "logins at silent servers", func(ctx context.Context, client, n int) (int, error) {
		path := "/v2/accounts/" + accounts[(client+n)%len(accounts)] + "/aaa/authn"
		return t.loudly(ctx, client, http.MethodPost, path, "application/json", []byte(requestBody))
	}))
	return quiet, func(ctx context.Context) (string, error) {
		became, err := asks(ctx)
		if err != nil {
			return "", err
		}
		open, err := t.svc.descriptors()
		return fmt.Sprintf("%s, %d descriptors open", became, open), err
	}, nil
}

// dueSessions has the loud tenant open sessions whose time is over after a second, and name an accounting server that never
// answers before the one that does.
func dueSessions(ctx context.Context, t *tenants) ([]byte, attack, error) {
	quiet, err := t.plainQuiet(ctx)
	if err != nil {
		return nil, nil, err
	}
	server, err := newSilent(ctx)
	if err != nil {
		return nil, nil, err
	}
	silent, err := t.silentDocument(server.at, 1, 0)
	if err != nil {
		return nil, nil, err
	}
	doc, err := tenantDocument(t.backend, 4*loudClients)
	if err != nil {
		return nil, nil, err
	}
	doc["servers"] = append(doc["servers"].([]any), silent["servers"].([]any)...)
	doc["accounting"] = append(silent["accounting"].([]any), doc["accounting"].([]string)[0])
	doc["session_timeout"] = 1
	doc["accounting_avp_translation"] = []any{map[string]any{
		"request_key": "Acct-Status-Type", "attribute": "Acct-Status-Type", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$",
	}}
	if err := t.svc.put(ctx, t.loud, doc); err != nil {
		return nil, nil, err
	}
	path := "/v2/accounts/" + t.loud + "/aaa/sessions"
	return quiet, server.counted(crowd(loudClients, "sessions of a second opened", func(ctx context.Context, client, _ int) (int, error) {
		as := *t.svc
		as.token = t.loudTokens[client]
		var begun struct {
			SID string `json:"sid"`
		}
		if err := as.send(ctx, http.MethodPost, path, strings.NewReader(requestBody), &begun); err != nil {
			return 0, err
		}
		return t.loudly(ctx, client, http.MethodPost, path+"/"+begun.SID+"/open", "application/json", nil)
	})), nil
}
