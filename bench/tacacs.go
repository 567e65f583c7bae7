package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/tacacs/conns"
	"aaa-api/internal/tacacs"
)

const (
	tacacsInFlight = 32 // sessions at one server
	tacacsSecret   = "bench-secret-of-the-tacacs-server"
	tacacsPassword = "hello-password"
)

// measureTACACS measures the TACACS+ connection manager: with a server made by others, beside a
// session that stalls, and by what many sessions leave behind.
func measureTACACS(ctx context.Context, s settings, dir string) []row {
	return append(measureLogins(ctx, s, dir), measureStalled(s), measureLeft(tacacsSessions))
}

// measureLogins compares PAP logins on one connection with those on a connection each, and
// with a handler that only echoes.
func measureLogins(ctx context.Context, s settings, dir string) []row {
	rows := []row{
		{name: fmt.Sprintf("TACACS+ PAP, %d in flight, one connection / a connection each", tacacsInFlight), format: "%.2f×", target: 3},
		{name: fmt.Sprintf("TACACS+ PAP, %d in flight, one connection / chi echo", tacacsInFlight), format: "%.2f×", target: 20_000. / 35_000},
	}
	fail := func(err error) []row {
		for i := range rows {
			rows[i].err = err
		}
		return rows
	}
	binary, err := buildTacquito(ctx, dir)
	if err != nil {
		return fail(err)
	}
	server, address, err := startServer(ctx, binary, "-quick", "-secret", tacacsSecret, "-user", "bob:"+tacacsPassword)
	if err != nil {
		return fail(err)
	}
	defer server.stop() //nolint:errcheck // it ends by our signal
	echo, echoAddress, err := startSelf(ctx, "echo")
	if err != nil {
		return fail(err)
	}
	defer echo.stop() //nolint:errcheck // it ends by our signal

	logins := func(name string, each bool) contender {
		return contender{name, func() (float64, error) {
			var t tally
			if err := runSelf(ctx, tacacsLoad{Address: address, Each: each, Seconds: s.seconds}, &t, "tacacs-load"); err != nil {
				return 0, err
			}
			if t.Bad > 0 {
				return 0, fmt.Errorf("%s: %d of %d logins failed, the first: %s", name, t.Bad, t.Requests, t.FirstBad)
			}
			return t.rate(), nil
		}}
	}
	echoes := &gateway{process: echo, generate: runOwn, load: load{
		Address: echoAddress, Clients: restClients, Seconds: s.seconds,
		Want: `"User-Name":"bob@example.com"`, Requests: authnRequests(echoAddress, "bench", ""),
	}}
	contenders := []contender{
		logins("one", false), logins("each", true),
		{"echo", func() (float64, error) { return echoes.run(ctx) }},
	}
	if _, err := alternate(1, contenders...); err != nil { // all is warm before it counts
		return fail(err)
	}
	rates, err := alternate(s.rounds, contenders...)
	if err != nil {
		return fail(err)
	}
	for i, other := range []string{"each", "echo"} {
		rows[i].value = ratio(rates["one"], rates[other])
		rows[i].detail = fmt.Sprintf("%.0f/s against %.0f/s", median(rates["one"]), median(rates[other]))
	}
	return rows
}

// buildTacquito compiles the TACACS+ server, which belongs to a module of its own, into dir.
func buildTacquito(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "tacquito")
	out, err := exec.CommandContext(ctx, "go", "-C", "internal/engines/tacacs/tacquitotest", "build", "-o", binary, "./server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// tacacsLoad is what one client does.
type tacacsLoad struct {
	Address string
	Each    bool // a connection for each session; else one for all
	Seconds float64
}

// runTACACSLoad is one client's process.
func runTACACSLoad() error {
	var l tacacsLoad
	if err := json.NewDecoder(os.Stdin).Decode(&l); err != nil {
		return err
	}
	m, err := tacacsManager(l.Address, conns.Options{Connections: 1, NoSingleConnect: l.Each})
	if err != nil {
		return err
	}
	defer m.Retire()
	login := func(ctx context.Context) error { return pap(ctx, m, "bob") }
	if err := login(context.Background()); err != nil { // which negotiates the mode
		return err
	}
	if shared := m.Stats().Shared; shared != 0 == l.Each {
		return fmt.Errorf("%d connections are in single connection mode", shared)
	}
	return json.NewEncoder(os.Stdout).Encode(keepBusy(tacacsInFlight, []func(context.Context) error{login}, time.Duration(l.Seconds*float64(time.Second))))
}

func tacacsManager(address string, opts conns.Options) (*conns.Manager, error) {
	return conns.NewManager(address, conns.Secrets{Current: aaa.NewSecret(tacacsSecret)}, opts)
}

// pap is one login.
func pap(ctx context.Context, m *conns.Manager, user string) error {
	var r tacacs.AuthenReply
	err := m.Exchange(ctx, &tacacs.AuthenStart{
		Action: tacacs.ActionLogin, PrivLvl: tacacs.PrivUser, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin,
		User: user, Port: "tty1", RemAddr: "192.0.2.7", Data: tacacs.Sensitive(tacacsPassword),
	}, &r)
	if err == nil && r.Status != tacacs.AuthenPass {
		err = fmt.Errorf("answered %v", r.Status)
	}
	return err
}
