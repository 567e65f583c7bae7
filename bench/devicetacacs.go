package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// tacacsUsersRow compares PAP logins that the service answers from a users file with those that tacquito compares with a text.
//
// A users file has hashes alone. The one here costs next to nothing, so that the servers are compared and not what hashes cost.
func tacacsUsersRow(ctx context.Context, s settings, dir string) row {
	r := row{name: fmt.Sprintf("TACACS+ PAP from a users file, one connection, %d in flight / tacquito, requests a processor second", tacacsInFlight), format: "%.2f×", target: 2}
	if err := tacacsUsers(ctx, s, dir, &r); err != nil {
		r.err = err
	}
	return r
}

func tacacsUsers(ctx context.Context, s settings, dir string, r *row) error {
	binary, err := buildTacquito(ctx, dir)
	if err != nil {
		return err
	}
	other, otherAddress, err := startServer(ctx, binary, "-quick", "-secret", tacacsSecret, "-user", "bob:"+tacacsPassword)
	if err != nil {
		return err
	}
	defer other.stop() //nolint:errcheck // it ends by our signal
	address, err := freeAddress("tcp4")
	if err != nil {
		return err
	}
	svc, err := startService(ctx, s.binary, dir, "--tacacs", address)
	if err != nil {
		return err
	}
	defer svc.stop() //nolint:errcheck // it ends by our signal
	if err := svc.tenantOfSwitches(ctx); err != nil {
		return err
	}
	logins := func(name, address string, p *process) *contestant {
		c := &contestant{name: name, process: p}
		c.generate = func(ctx context.Context) (deviceTally, error) {
			var t deviceTally
			err := runSelf(ctx, tacacsLoad{Address: address, Seconds: s.seconds}, &t.tally, "tacacs-load")
			return t, err
		}
		return c
	}
	own, tacquito := logins("aaa-api", address, svc.process), logins("tacquito", otherAddress, other)
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) { // the client is known within a second
		if _, err = own.run(ctx); err == nil {
			break
		} else if time.Since(begun) > 10*time.Second {
			return err
		}
	}
	rates, err := compete(ctx, s.rounds, []*contestant{own, tacquito})
	if err != nil {
		return err
	}
	r.of(own, tacquito, rates)
	return nil
}

// tenantOfSwitches makes an account whose devices speak TACACS+, with a users file.
func (s *service) tenantOfSwitches(ctx context.Context) error {
	account, err := s.child(ctx, "switches")
	if err != nil {
		return err
	}
	const rounds = 1
	key, err := pbkdf2.Key(sha256.New, tacacsPassword, []byte("bench salt octets"), rounds, sha256.Size)
	if err != nil {
		return err
	}
	text := func(b []byte) string { return strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(b), "+", ".") }
	users := fmt.Sprintf("bob:$pbkdf2-sha256$%d$%s$%s\n", rounds, text([]byte("bench salt octets")), text(key))
	doc, err := tenantDocument("127.0.0.1:1812", 4*tacacsInFlight)
	if err != nil {
		return err
	}
	doc["fsm"] = "file"
	base := "/v2/accounts/" + account
	for _, w := range []struct {
		method, path string
		data         map[string]any
	}{
		{http.MethodPatch, "", map[string]any{"client_networks": []string{"127.0.0.0/8"}}},
		{http.MethodPut, "/aaa/users/users", map[string]any{"text": users}},
		{http.MethodPut, "/aaa/fsm/file", usersTable()},
		{http.MethodPut, "/aaa", doc},
		{http.MethodPut, "/aaa/clients/devices", map[string]any{"address": "127.0.0.1", "secret": tacacsSecret}},
	} {
		if err := s.call(ctx, w.method, base+w.path, w.data, nil); err != nil {
			return err
		}
	}
	return nil
}
