package processes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"aaa-api/internal/backoff"
)

// frontSlack is how late the threads of a front may wake up from sleep. Go's runtime looks every 20 µs whether a thread hangs, in a process
// that is busy and idle by turns, as a front is: with the 50 µs that the kernel gives each thread, that takes 4 % of a request's processor
// time. A security module is not so patient: its threads hang when they write to a disk.
const frontSlack = time.Millisecond

// How soon a child that has ended is started anew: at once, but for one that ends again and again.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
	steady       = 10 * time.Second // a child that has lived as long does not end again and again
)

// killTime is how long children may take beyond the time that they were given to finish.
const killTime = 5 * time.Second

// Options are what a Family is made of.
type Options struct {
	Program Program
	// Module and Front are the roles, and Front's argument its number: what children are called with.
	Module, Front         string
	Fronts                int
	ModuleUser, FrontUser *syscall.Credential
	StartModule           func() (body any, files []*os.File)          // of the message Start; it is called for each start
	StartFront            func(front int) (body any, files []*os.File) // likewise, with the front's number
	Operators             func(*os.File)                               // takes main's end of the line to each security module that is ready; nil: there is none
	Pulse                 time.Duration                                // between two questions whether a child is there; default 5 s
	Log                   *slog.Logger
}

// Family is main's children: a security module and fronts. Those that end are started anew, and the lines between them are made anew.
type Family struct {
	o Options

	mu       sync.Mutex
	module   *member
	fronts   []*member
	stopping bool // nothing is started any more
	finished sync.WaitGroup
	failures []error    // of children while the family stops
	first    chan error // of a child that ends before the family has started
	ready    chan *Message
	begun    bool // fronts are told to serve
	made     int  // lines
	started  bool // all serve: what ends from now on is started anew
}

// member is one place of the family, whoever fills it.
type member struct {
	name     string
	front    int // its number; -1: the security module
	child    *Child
	ready    bool
	since    time.Time
	lines    FrontLines // the last ones of a front
	failures int
	starts   int
	reason   string // what the child said before its end
	serving  chan struct{}
	next     *time.Timer
	unmet    int // questions that the child has not answered
}

// New makes a family that is not started.
func New(o Options) *Family {
	f := &Family{o: o, first: make(chan error, 1), ready: make(chan *Message, 1)}
	f.module = &member{name: "security module", front: -1}
	for i := range o.Fronts {
		f.fronts = append(f.fronts, &member{name: fmt.Sprintf("front %d", i), front: i, serving: make(chan struct{})})
	}
	return f
}

// all are the members.
func (f *Family) all() []*member { return append([]*member{f.module}, f.fronts...) }

// Start starts all. It returns what the security module said when it was ready, before fronts take connections: Serve lets them. An error is what
// the first child said that failed, and the others are gone then.
func (f *Family) Start(ctx context.Context) (*Message, error) {
	f.mu.Lock()
	for _, m := range f.all() {
		if err := f.start(m); err != nil {
			f.fail(err)
			break
		}
	}
	f.mu.Unlock()
	select {
	case message := <-f.ready:
		return message, nil
	case err := <-f.first:
		f.Kill()
		return nil, err
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), f.Stop(0))
	}
}

// Serve lets the fronts take connections, and returns when they do.
func (f *Family) Serve(ctx context.Context) error {
	f.mu.Lock()
	f.begun = true
	for _, m := range f.fronts {
		f.tell(m, Serve, struct{}{})
	}
	f.mu.Unlock()
	for _, m := range f.fronts {
		select {
		case <-m.serving:
		case err := <-f.first:
			f.Kill()
			return err
		case <-ctx.Done():
			return nil
		}
	}
	f.mu.Lock()
	f.started = true
	f.mu.Unlock()
	go f.watch()
	return nil
}

// fail notes the first failure of a start.
func (f *Family) fail(err error) {
	select {
	case f.first <- err:
	default:
	}
}

// start fills a place. f.mu is held.
func (f *Family) start(m *member) error {
	role, user, slack := f.o.Front, f.o.FrontUser, frontSlack
	body := func() (any, []*os.File) { return f.o.StartFront(m.front) }
	args := []string{role, fmt.Sprint(m.front)}
	if m == f.module {
		role, user, body, slack = f.o.Module, f.o.ModuleUser, f.o.StartModule, 0
		args = []string{role}
	}
	child, err := f.o.Program.Spawn(user, slack, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	m.child, m.ready, m.since, m.reason, m.unmet = child, false, time.Now(), "", 0
	m.starts++
	start, files := body()
	if err := child.Send(Start, start, files...); err != nil {
		f.o.Log.Warn("a process does not start", "process", m.name, "error", err)
		child.Kill()
	}
	f.finished.Add(1)
	go f.follow(m, child)
	if f.module.ready && m != f.module {
		f.connect(m)
	}
	if f.begun && m != f.module {
		f.tell(m, Serve, struct{}{})
	}
	return nil
}

// tell sends a message to who fills a place. One that does not take it hangs, and is ended. f.mu is held.
func (f *Family) tell(m *member, kind string, body any, files ...*os.File) {
	if m.child == nil {
		return
	}
	if err := m.child.Send(kind, body, files...); err != nil {
		select {
		case <-m.child.Done():
		default:
			f.o.Log.Warn("a process does not take a message and is ended", "process", m.name, "pid", m.child.PID, "message", kind, "error", err)
			m.child.Kill()
		}
	}
}

// connect makes lines between a front and the security module. f.mu is held.
func (f *Family) connect(front *member) {
	var ends [2][]*os.File
	defer func() {
		for _, file := range append(ends[0], ends[1]...) {
			file.Close() //nolint:errcheck,gosec // the children have their own
		}
	}()
	for range 2 {
		one, other, err := LinePair()
		if err != nil {
			f.o.Log.Error("a front has no line to the security module", "process", front.name, "error", err)
			return
		}
		ends[0], ends[1] = append(ends[0], one), append(ends[1], other)
	}
	f.made++
	front.lines = FrontLines{Front: front.front, Made: f.made}
	f.tell(f.module, Line, front.lines, ends[0]...)
	f.tell(front, Line, front.lines, ends[1]...)
}

// connectMain makes the line on which main hands on what operators ask. f.mu is held.
func (f *Family) connectMain() {
	if f.o.Operators == nil {
		return
	}
	own, other, err := LinePair()
	if err != nil {
		f.o.Log.Error("operators have no line to the security module", "error", err)
		return
	}
	f.tell(f.module, Operators, struct{}{}, other)
	other.Close() //nolint:errcheck,gosec // the child has its own
	f.o.Operators(own)
}

// follow hears a child to its end.
func (f *Family) follow(m *member, child *Child) {
	defer f.finished.Done()
	for {
		message, err := child.Receive()
		if err != nil {
			break
		}
		understood := f.hear(m, message)
		message.close()
		if !understood { // it is not as it was built, and could fill the log
			child.Kill()
			break
		}
	}
	// A child without a channel ends by itself; one that does not is no use any more.
	over := time.AfterFunc(killTime, child.Kill)
	<-child.Done()
	over.Stop()
	child.Close() //nolint:errcheck,gosec // nobody listens
	f.ended(m, child)
}

// hear takes what a child says. It reports whether that is understood.
func (f *Family) hear(m *member, message *Message) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case message.Kind == Ready:
		m.ready = true
		if m != f.module {
			select {
			case <-m.serving:
			default:
				close(m.serving)
			}
			return true
		}
		for _, front := range f.fronts {
			f.connect(front)
		}
		f.connectMain()
		select {
		case f.ready <- message:
		default: // another one than the first
		}
	case message.Kind == Failed:
		var failure Failure
		if err := message.Decode(&failure); err != nil {
			failure.Text = err.Error()
		}
		m.reason = failure.Text
	case message.Kind == alive:
		m.unmet = 0
	case message.Kind == Cut && m == f.module:
		f.cut(message)
	default:
		f.o.Log.Warn("a process says what is not understood, and is ended", "process", m.name, "message", fmt.Sprintf("%.40q", message.Kind))
		return false
	}
	return true
}

// cut ends a front whose lines the security module has cut: it would serve nobody. f.mu is held.
func (f *Family) cut(message *Message) {
	var lines FrontLines
	if err := message.Decode(&lines); err != nil {
		return
	}
	for _, front := range f.fronts {
		if front.child != nil && front.lines == lines {
			f.o.Log.Warn("a process is ended, since the security module has cut its lines", "process", front.name, "pid", front.child.PID)
			front.child.Kill()
		}
	}
}

// ended starts a child anew that has ended.
func (f *Family) ended(m *member, child *Child) {
	f.mu.Lock()
	defer f.mu.Unlock()
	lived := time.Since(m.since)
	m.child, m.ready = nil, false
	var err error
	switch {
	case m.reason != "":
		err = errors.New(m.reason)
	case child.Err() != nil:
		err = fmt.Errorf("the process of the %s ended: %w", m.name, child.Err())
	case !f.stopping:
		err = fmt.Errorf("the process of the %s ended by itself", m.name)
	}
	if f.stopping {
		if err != nil {
			f.failures = append(f.failures, err)
		}
		return
	}
	if !f.started {
		f.fail(err)
		return
	}
	if lived >= steady {
		m.failures = 0
	}
	pause := time.Duration(0)
	if m.failures > 0 {
		pause = backoff.Double(firstPause, longestPause, m.failures)
	}
	m.failures++
	f.o.Log.Error("a process has ended, and is started anew", "process", m.name, "pid", child.PID, "error", err, "lived", lived.String(), "in", pause.String())
	f.again(m, pause)
}

// again fills a place after a pause. f.mu is held.
func (f *Family) again(m *member, pause time.Duration) {
	m.next = time.AfterFunc(pause, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.stopping || m.child != nil {
			return
		}
		if err := f.start(m); err != nil {
			f.o.Log.Error("a process can't be started", "process", m.name, "error", err)
			m.failures++
			f.again(m, backoff.Double(firstPause, longestPause, m.failures))
		}
	})
}

// Drain tells the security module that the service is going to stop.
func (f *Family) Drain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell(f.module, Drain, struct{}{})
}

// Reload tells all to read again what may have changed.
func (f *Family) Reload() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.all() {
		f.tell(m, Reload, struct{}{})
	}
}

// Stop lets the fronts finish what they have begun, then the security module. Together they have the time given, and are ended a little after.
// The error is what they say of what was not finished.
func (f *Family) Stop(within time.Duration) error {
	over := time.Now().Add(within)
	f.mu.Lock()
	f.stopping = true
	f.mu.Unlock()
	f.stop(f.fronts, over)
	f.stop([]*member{f.module}, over)
	f.finished.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.failures...)
}

// stop ends members, and waits until they are gone.
func (f *Family) stop(members []*member, over time.Time) {
	left := max(time.Until(over), 0)
	var children []*Child
	f.mu.Lock()
	for _, m := range members {
		if m.next != nil {
			m.next.Stop()
		}
		if m.child != nil {
			f.tell(m, Stop, Until{Milliseconds: left.Milliseconds()})
			children = append(children, m.child)
		}
	}
	f.mu.Unlock()
	late := time.AfterFunc(left+killTime, func() {
		for _, c := range children {
			c.Kill()
		}
	})
	defer late.Stop()
	for _, c := range children {
		<-c.Done()
	}
}

// Kill ends all at once.
func (f *Family) Kill() {
	f.mu.Lock()
	f.stopping = true
	for _, m := range f.all() {
		if m.next != nil {
			m.next.Stop()
		}
		if m.child != nil {
			m.child.Kill()
		}
	}
	f.mu.Unlock()
	f.finished.Wait()
}

// Process is one of the family as it is now.
type Process struct {
	Name     string
	PID      int // 0: it is being started
	Ready    bool
	Since    time.Time
	Restarts int // how often it was started anew
}

// Processes lists the family, the security module first.
func (f *Family) Processes() []Process {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []Process
	for _, m := range f.all() {
		p := Process{Name: m.name, Ready: m.ready, Since: m.since, Restarts: max(m.starts-1, 0)}
		if m.child != nil {
			p.PID = m.child.PID
		}
		list = append(list, p)
	}
	return list
}
