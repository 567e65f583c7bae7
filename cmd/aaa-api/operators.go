package main

import (
	"context"
	"io"
	"os"
	"os/user"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/adminsocket"
	"aaa-api/internal/operations"
)

// started is when this process began.
var started = time.Now()

// pingTime bounds the question whether the store is there.
const pingTime = 2 * time.Second

// local is what operators of this machine see of the security module.
func (n *node) local() *operations.Local {
	return &operations.Local{
		Tail: n.tail, Servers: n.tenants, Status: n.status, Reload: n.reload,
		Root: func(ctx context.Context) (aaa.AccountID, error) {
			root, err := n.store.Accounts().Root(ctx)
			return root.ID, err
		},
	}
}

// status is the state of the security module.
func (n *node) status(ctx context.Context) operations.Status {
	s := operations.Status{
		Node: n.name, Version: buildVersion(), Store: n.storeName(), Seen: n.follower.Lag(),
		Accounts: n.tenants.Warm(), Requests: n.tail.Count(), Spool: n.spool.Status(),
	}
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	if err := n.store.Ping(ctx); err != nil {
		s.Fault = err.Error()
	}
	return s
}

// reload reads again what may have changed.
func (n *node) reload(ctx context.Context) error {
	n.log.InfoContext(ctx, "reload")
	if n.certificate == nil {
		return nil
	}
	return n.certificate.reload(ctx)
}

// openToOperators serves the admin socket until it is closed. A node whose folder takes none goes without.
func (n *node) openToOperators(ctx context.Context, stop context.CancelFunc) io.Closer {
	hello := adminsocket.Hello{Version: buildVersion(), Protocol: operations.Protocol()}
	s, err := adminsocket.Listen(n.cfg.DataDir, adminsocket.Policy{}, hello, n.log)
	if err != nil {
		n.log.WarnContext(ctx, "there is no admin socket, so aaa-api ctl can't reach this node", "folder", n.cfg.DataDir, "error", err)
		return io.NopCloser(nil)
	}
	go s.Serve(adminsocket.NewHandler(&alone{n, stop}, n.parts.Operators()))
	return s
}

// alone is a node of one process as its operators see it.
type alone struct {
	node *node
	stop context.CancelFunc
}

// Node implements adminsocket.Main.
func (a *alone) Node() adminsocket.Node {
	n := a.node
	out := adminsocket.Node{
		Version: buildVersion(), PID: os.Getpid(), Isolation: "none", Started: started, Stopping: n.draining.Load(),
		Processes: []adminsocket.Process{{Role: "main", PID: os.Getpid(), User: userName(), Started: started}},
		Listeners: []adminsocket.Listener{{Name: "api", Address: n.listener.Addr().String(), TLS: n.certificate != nil}},
	}
	if n.adminListener != nil {
		out.Listeners = append(out.Listeners, adminsocket.Listener{Name: "admin", Address: n.adminAddress()})
	}
	return out
}

// Reload implements adminsocket.Main: operations.OperatorReload has done it.
func (a *alone) Reload(context.Context) error { return nil }

// Stop implements adminsocket.Main.
func (a *alone) Stop() {
	a.node.log.Info("an operator stops the node")
	a.stop()
}

// userName is the user of this process, by number if it has no name.
func userName() string {
	id := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
