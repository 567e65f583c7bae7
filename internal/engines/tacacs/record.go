package tacacs

import (
	"context"
	"encoding/binary"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// Values of Acct-Status-Type (RFC 2866 §5.1).
const (
	statusStart   = 1
	statusStop    = 2
	statusInterim = 3
	statusOn      = 7
	statusOff     = 8
)

// flags derives the kind of a record from its Acct-Status-Type. Several may go together as far as
// RFC 8907 §7.2 allows it: an Interim-Update with a Start repeats the arguments of the start. Without
// one, a record with a duration or an end is a stop, and any other a start. system: the whole
// NAS went up or down.
func (f *fields) flags() (flags tacacs.AcctFlags, system bool, err error) {
	bad := func(message string) error {
		return aaa.Invalid(aaa.Field{Path: "Acct-Status-Type", Rule: "enum", Message: message})
	}
	for _, status := range f.status {
		switch status {
		case statusStart:
			flags |= tacacs.AcctStart
		case statusStop:
			flags |= tacacs.AcctStop
		case statusInterim:
			flags |= tacacs.AcctWatchdog
		case statusOn:
			flags, system = flags|tacacs.AcctStart, true
		case statusOff:
			flags, system = flags|tacacs.AcctStop, true
		default:
			return 0, false, bad("TACACS+ knows Start, Stop, Interim-Update, Accounting-On and Accounting-Off")
		}
	}
	switch {
	case flags&tacacs.AcctStop != 0 && flags != tacacs.AcctStop:
		return 0, false, bad("a stop goes with nothing else: START and STOP exclude each other")
	case flags != 0:
	case f.has("elapsed_time") || f.has("stop_time") || f.radius[radiusSessionTime] != nil:
		flags = tacacs.AcctStop
	default:
		flags = tacacs.AcctStart
	}
	return flags, system, nil
}

// accounting returns the accounting record of a request. It adds what is mandatory and missing: a task_id, the
// service, and the time (§8.3), which are the same at every server that gets the record.
func (f *fields) accounting(req *engines.Request) (*tacacs.AcctRequest, error) {
	flags, system, err := f.flags()
	if err != nil {
		return nil, err
	}
	if system {
		f.add("service", "system")
		f.add("event", "sys_acct")
	}
	f.add("elapsed_time", f.radiusNumber(radiusSessionTime))
	f.add("bytes_in", f.counter(radiusInputOctets, radiusInputGigawords))
	f.add("bytes_out", f.counter(radiusOutputOctets, radiusOutputGigawords))
	f.add("paks_in", f.radiusNumber(radiusInputPackets))
	f.add("paks_out", f.radiusNumber(radiusOutputPackets))
	at := f.radiusNumber(radiusTimestamp)
	if at == "" {
		event := req.Event()
		if event.IsZero() {
			event = time.Now()
		}
		at = strconv.FormatInt(event.Unix(), 10)
	}
	switch flags {
	case tacacs.AcctStart:
		f.add("start_time", at)
	case tacacs.AcctStop:
		f.add("stop_time", at)
	}
	task := string(f.radius[radiusSessionID])
	if task == "" {
		task = req.SessionID
	}
	if task == "" {
		task = newTaskID()
	}
	if len(task) > 255-len("task_id=") || tacacs.CheckText("", task) != nil {
		return nil, aaa.Invalid(aaa.Field{Path: "Acct-Session-Id", Rule: "characters", Message: "TACACS+ takes up to 247 printable US-ASCII characters"})
	}
	f.add("task_id", task)
	return &tacacs.AcctRequest{Flags: flags, Identity: f.identity(), Args: f.withService()}, nil
}

// add adds an argument unless it is there or its value is empty.
func (f *fields) add(name, value string) {
	if value != "" && !f.has(name) {
		f.args = append(f.args, name+"="+value)
		f.told(name, value)
	}
}

// radiusNumber returns an integer attribute of RADIUS in decimal, or nothing if it is absent.
func (f *fields) radiusNumber(attribute uint32) string {
	value := f.radius[attribute]
	if len(value) != 4 {
		return ""
	}
	return strconv.FormatUint(uint64(binary.BigEndian.Uint32(value)), 10)
}

// counter joins a counter of RADIUS with its upper half (RFC 2869 §5.1).
func (f *fields) counter(low, high uint32) string {
	value := f.radius[low]
	if len(value) != 4 {
		return ""
	}
	return strconv.FormatUint(number(f.radius[high])<<32|number(value), 10)
}

// record sends an accounting record.
func (c *client) record(ctx context.Context, f *fields, req *engines.Request) (*engines.Reply, error) {
	body, err := f.accounting(req)
	if err != nil {
		return nil, err
	}
	var r tacacs.AcctReply
	_, sent, err := c.first(ctx, req.Allowance, body, &r)
	if err != nil {
		return nil, err
	}
	if r.Status != tacacs.AcctSuccess { // FOLLOW is never followed: no server has taken the record
		return nil, c.unable(sent, r.ServerMsg, r.Data)
	}
	c.succeeded()
	return &engines.Reply{Outcome: aaa.Accept, Attempts: sent, AVPs: messages(r.ServerMsg, r.Data)}, nil
}
