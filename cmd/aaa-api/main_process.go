package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"

	"aaa-api/internal/config"
	"aaa-api/internal/line"
	"aaa-api/internal/logging"
	"aaa-api/internal/processes"
)

// moduleStart is what the security module is told at its start.
type moduleStart struct {
	Settings    map[string]string // as config.Restore takes them
	Node        string
	API, Admin  string // addresses; Admin may be empty
	Devices     []deviceAddress
	Terminal    bool   // what is printed is on a terminal
	User        string // that the process runs as; empty: main's
	Memory      int64  // octets that the process may use; 0: nobody says
	Environment []string
}

// moduleReady is what the security module says when it is ready.
type moduleReady struct{ Print string }

// frontStart is what a front is told at its start.
type frontStart struct {
	Settings    frontSettings
	Environment []string
	Processors  int      // that it uses at once
	Devices     []string // the listeners for devices whose sockets follow those for HTTP
	HTTP        int      // sockets for HTTP
}

// parent is main: the process that an operator starts. It holds the listening sockets and the life of its children, and neither
// secrets nor strangers' input.
type parent struct {
	cfg    *config.Config
	values map[string]string
	env    environment
	lines  *logging.Writer
	log    *slog.Logger
	node   string
	binary string // the path of this program

	upgrades chan os.Signal
	at       sockets
	files    []*os.File          // the sockets for HTTP, as children get them
	devices  []deviceFile        // those for devices
	front    *syscall.Credential // whom fronts run as; nil: as main
	secmod   *syscall.Credential // likewise
	memory   shares
	children atomic.Pointer[processes.Family] // of now; a failed upgrade makes others
	begun    int                              // security modules so far

	operators atomic.Pointer[line.Conn] // to the security module
	draining  atomic.Bool
	end       context.CancelFunc // begins the end of the node
}

// childVariables are all that children's environment has: nothing, but in tests.
var childVariables []string

// serveApart runs a node as processes until ctx ends, and then lets them finish what they have begun.
func serveApart(ctx context.Context, cfg *config.Config, values map[string]string, env environment) error {
	p := &parent{cfg: cfg, values: values, env: env, node: nodeName()}
	p.openLog()
	err := p.run(ctx)
	return errors.Join(err, p.lines.Close())
}

func (p *parent) run(ctx context.Context) (err error) {
	ctx, p.end = context.WithCancel(ctx)
	defer p.end()
	if p.binary, err = programPath(); err != nil {
		return err
	}
	if p.memory, err = sharesOf(memoryOf(p.cfg.MemoryLimit), p.cfg.Fronts); err != nil {
		return err
	}
	if p.front, p.secmod, err = p.users(); err != nil {
		return err
	}
	if err := makeDataDirFor(p.cfg, p.secmod); err != nil {
		return err
	}
	if p.at, err = listen(ctx, p.cfg, p.cfg.Fronts, p.env.held); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.closeSockets()) }()
	if p.files, err = p.at.files(); err != nil {
		return err
	}
	if p.devices, err = p.at.devices.files(); err != nil {
		return err
	}
	hangUps := reloads()
	defer signal.Stop(hangUps)
	p.upgrades = make(chan os.Signal, 1)
	signal.Notify(p.upgrades, syscall.SIGUSR2)
	defer signal.Stop(p.upgrades)
	if err := p.start(ctx); err != nil {
		return err
	}
	operators := openToOperators(ctx, p.cfg, p.log, p, line.Relay{To: p.module})
	defer operators.Close() //nolint:errcheck // the last of all: ctl stop waits for it
	defer func() { p.log.InfoContext(ctx, "stopped") }()
	for ctx.Err() == nil {
		select {
		case <-hangUps:
			p.family().Reload()
		case <-p.upgrades:
			if err := p.upgrade(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
		}
	}
	p.draining.Store(true)
	if err := drain(ctx, p.log, p.cfg, p.family().Drain, nil); err != nil {
		return err
	}
	p.log.InfoContext(ctx, "stopping: no new connections, finishing what is in flight")
	return errors.Join(p.closeSockets(), p.family().Stop(finishTime))
}

// family are the children.
func (p *parent) family() *processes.Family { return p.children.Load() }

// start starts the children, and prints what the security module has to say.
func (p *parent) start(ctx context.Context) error {
	p.children.Store(processes.New(processes.Options{
		Program: processes.Program{Path: "/proc/self/exe", Name: "aaa-api", Env: childVariables, Log: p.env.stderr},
		Module:  moduleRole, Front: frontRole, Fronts: p.cfg.Fronts,
		ModuleUser: p.secmod, FrontUser: p.front,
		StartModule: p.moduleStart, StartFront: p.frontStart,
		Operators: p.connectOperators,
		Log:       p.log,
	}))
	message, err := p.family().Start(ctx)
	if err != nil {
		return err
	}
	var ready moduleReady
	if err := message.Decode(&ready); err != nil {
		return errors.Join(err, p.family().Stop(finishTime))
	}
	if _, err := io.WriteString(p.env.stdout, ready.Print); err != nil {
		return errors.Join(err, p.family().Stop(finishTime))
	}
	if err := p.family().Serve(ctx); err != nil {
		return err
	}
	logServing(ctx, p.log, p.cfg, p.at.endpoints())
	return nil
}

// moduleStart makes the first message to a security module. Each has a name of its own, as a node has that is started anew: one that took
// the name of another would leave alone what that one worked on, as its own.
func (p *parent) moduleStart() (any, []*os.File) {
	at, name := p.at.endpoints(), p.node
	if p.begun++; p.begun > 1 {
		name += "-" + strconv.Itoa(p.begun)
	}
	return moduleStart{
		Settings: p.values, Node: name, API: at.String(), Admin: at.adminText(), Devices: at.devices.texts(), Terminal: isTerminal(p.env.stdout),
		User: p.cfg.UserSecmod, Memory: p.memory.secmod, Environment: inheritedBy(moduleVariables),
	}, nil
}

// frontStart makes the first message to a front. One that is started anew gets the same sockets as the one before.
func (p *parent) frontStart(front int) (any, []*os.File) {
	names, files := filesOfFront(p.devices, front)
	return frontStart{
		Devices: names, HTTP: len(p.files),
		Settings: frontSettingsOf(p.cfg, p.node, p.cfg.Fronts, p.memory.front), Environment: inheritedBy(frontVariables),
		Processors: processorsOf(runtime.GOMAXPROCS(0), p.cfg.Fronts),
	}, slices.Concat(p.files, files)
}

// heldFile is a socket, and what heldVariable has before its number.
type heldFile struct {
	*os.File
	held string
}

// allFiles are the sockets in the order of heldVariable.
func (p *parent) allFiles() (all []heldFile) {
	for _, f := range p.files {
		all = append(all, heldFile{f, ""})
	}
	for _, d := range p.devices {
		all = append(all, heldFile{d.File, fmt.Sprintf("%s.%d=", d.listener, d.front)})
	}
	return all
}

// closeSockets ends main's hold on the sockets. Fronts have their own.
func (p *parent) closeSockets() (err error) {
	for _, f := range p.allFiles() {
		if cerr := f.Close(); !errors.Is(cerr, os.ErrClosed) {
			err = errors.Join(err, cerr)
		}
	}
	return errors.Join(err, p.at.Close())
}
