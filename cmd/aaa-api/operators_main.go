package main

import (
	"context"
	"errors"
	"net"
	"os"

	"aaa-api/internal/adminsocket"
	"aaa-api/internal/config"
	"aaa-api/internal/line"
)

// Node implements adminsocket.Main.
func (p *parent) Node() adminsocket.Node {
	n := adminsocket.Node{
		Version: buildVersion(), PID: os.Getpid(), Isolation: config.IsolationProcess, Started: started, Stopping: p.draining.Load(),
		Processes: []adminsocket.Process{thisProcess()}, Listeners: listenersAt(p.at.endpoints(), p.cfg.TLSCert != ""), Lacks: p.env.lacks.lines(),
	}
	for i, m := range p.family().Processes() {
		runsAs, uid := p.front, os.Geteuid()
		if i == 0 {
			runsAs = p.secmod
		}
		if runsAs != nil {
			uid = int(runsAs.Uid)
		}
		n.Processes = append(n.Processes, adminsocket.Process{Role: m.Name, PID: m.PID, User: userName(uid), Started: m.Since, Restarts: m.Restarts})
	}
	return n
}

// Reload implements adminsocket.Main.
func (p *parent) Reload(context.Context) error {
	p.family().Reload()
	return nil
}

// Stop implements adminsocket.Main.
func (p *parent) Stop() {
	p.log.Info("an operator stops the node")
	p.end()
}

// connectOperators takes main's end of the line to a security module that has just become ready.
func (p *parent) connectOperators(end *os.File) {
	conn, err := net.FileConn(end)
	if err := errors.Join(err, end.Close()); err != nil {
		p.log.Error("operators have no line to the security module", "error", err)
		return
	}
	if before := p.operators.Swap(line.New(conn, line.Options{Log: p.log, Peer: "the security module"})); before != nil {
		before.Close()
	}
}

// module is the line to the security module, nil while there is none.
func (p *parent) module() line.Caller {
	if c := p.operators.Load(); c != nil {
		return c
	}
	return nil
}
