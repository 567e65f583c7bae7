package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/adminsocket"
	"aaa-api/internal/config"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
)

// started is when this process began.
var started = time.Now()

// pingTime bounds the question whether the store is there.
const pingTime = 2 * time.Second

// local is what operators of this machine see of the security module.
func (n *module) local() *operations.Local {
	return &operations.Local{
		Tail: n.tail, Devices: knownDevices{n.clients}, Servers: n.tenants, Status: n.status, Reload: n.reload,
		Root: func(ctx context.Context) (aaa.AccountID, error) {
			root, err := n.store.Accounts().Root(ctx)
			return root.ID, err
		},
	}
}

// status is the state of the security module.
func (n *module) status(ctx context.Context) operations.Status {
	s := operations.Status{
		Node: n.name, Version: buildVersion(), Store: storeName(n.cfg), Seen: n.follower.Lag(),
		Accounts: n.tenants.Warm(), Requests: n.tail.Count(), Spool: n.spool.Status(), Lacks: n.lacks.lines(),
	}
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	if err := n.store.Ping(ctx); err != nil {
		s.Fault = err.Error()
	}
	return s
}

// openToOperators serves the admin socket until it is closed. A node whose folder takes none goes without.
func openToOperators(ctx context.Context, cfg *config.Config, log *slog.Logger, main adminsocket.Main, module line.Handler) io.Closer {
	hello := adminsocket.Hello{Version: buildVersion(), Protocol: operations.Protocol()}
	s, err := adminsocket.Listen(cfg.DataDir, adminsocket.Policy{}, hello, log)
	if err != nil {
		log.WarnContext(ctx, "there is no admin socket, so aaa-api ctl can't reach this node", "folder", cfg.DataDir, "error", err)
		return io.NopCloser(nil)
	}
	go s.Serve(adminsocket.NewHandler(main, module))
	return s
}

// listenersAt are a node's, as its operators see them.
func listenersAt(at endpoints, tls bool) []adminsocket.Listener {
	list := []adminsocket.Listener{{Name: "api", Address: at.String(), TLS: tls}}
	if at.admin != nil {
		list = append(list, adminsocket.Listener{Name: "admin", Address: at.adminText()})
	}
	return list
}

// thisProcess is main as operators see it.
func thisProcess() adminsocket.Process {
	return adminsocket.Process{Role: "main", PID: os.Getpid(), User: userName(os.Geteuid()), Started: started}
}

// userName is a user's name, its number if it has none.
func userName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// alone is a node of one process as its operators see it.
type alone struct {
	module *module
	end    context.CancelFunc
}

// Node implements adminsocket.Main.
func (a *alone) Node() adminsocket.Node {
	return adminsocket.Node{
		Version: buildVersion(), PID: os.Getpid(), Isolation: config.IsolationNone, Started: started, Stopping: a.module.draining.Load(),
		Processes: []adminsocket.Process{thisProcess()}, Listeners: listenersAt(a.module.at, a.module.certificate != nil),
	}
}

// Reload implements adminsocket.Main: the security module reloads by itself, and what is read again is in use within seconds.
func (a *alone) Reload(context.Context) error { return nil }

// Stop implements adminsocket.Main.
func (a *alone) Stop() {
	a.module.log.Info("an operator stops the node")
	a.end()
}
