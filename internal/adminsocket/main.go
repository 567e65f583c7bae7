package adminsocket

import (
	"context"
	"time"

	"aaa-api/internal/line"
)

// Main is what the process that listens knows and does itself.
type Main interface {
	// Node tells of the processes and listeners of the node.
	Node() Node
	// Reload reads again what may have changed: the configuration file and the certificates.
	Reload(ctx context.Context) error
	// Stop begins the end of the node, as a signal does, and does not wait for it.
	Stop()
}

// Node is what main knows of a node.
type Node struct {
	Version   string     `json:"version"`
	PID       int        `json:"pid"`
	Isolation string     `json:"isolation"`
	Started   time.Time  `json:"started_at"`
	Stopping  bool       `json:"stopping"`
	Processes []Process  `json:"processes"`
	Listeners []Listener `json:"listeners"`
	Lacks     []string   `json:"lacks"` // what the kernel lacks for the isolation of processes, by name
}

// Process is one of a node's.
type Process struct {
	Role     string    `json:"role"` // main, security module, front
	PID      int       `json:"pid"`
	User     string    `json:"user"`
	Started  time.Time `json:"started_at"`
	Restarts int       `json:"restarts"` // how often it was started anew
}

// Listener is an address at which the node takes connections.
type Listener struct {
	Name    string `json:"name"` // api, admin
	Address string `json:"address"`
	TLS     bool   `json:"tls"`
}

// Numbers of what main serves. Those of package operations are counted from 0.
const (
	askNode = 0xfff0 + iota
	askReload
	askStop
)

// none is a request or an answer with nothing in it.
type none struct{}

// handler serves what main knows, and hands all else on.
type handler struct {
	main   Main
	module line.Handler
}

// NewHandler makes the Handler for Serve. module runs the operations of the security module, for operators: a line.Relay, or
// operations.Parts.Operators in the same process.
func NewHandler(main Main, module line.Handler) line.Handler { return &handler{main, module} }

// Serve implements line.Handler.
func (h *handler) Serve(ctx context.Context, operation uint16, from *line.From, decode func(any) error) (any, error) {
	switch operation {
	case askNode:
		n := h.main.Node()
		return &n, nil
	case askReload:
		return &none{}, h.main.Reload(ctx)
	case askStop:
		h.main.Stop()
		return &none{}, nil
	default:
		return h.module.Serve(ctx, operation, from, decode)
	}
}

// AskNode returns what main knows of the node.
func AskNode(ctx context.Context, c line.Caller) (Node, error) {
	var n Node
	err := c.Call(ctx, askNode, &line.From{}, &none{}, &n)
	return n, err
}

// Reload has the node read again what may have changed.
func Reload(ctx context.Context, c line.Caller) error {
	return c.Call(ctx, askReload, &line.From{}, &none{}, &none{})
}

// Stop begins the end of the node.
func Stop(ctx context.Context, c line.Caller) error {
	return c.Call(ctx, askStop, &line.From{}, &none{}, &none{})
}
