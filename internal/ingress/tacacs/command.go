package tacacs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/crossing"
	"aaa-api/internal/ingress"
	"aaa-api/internal/tacacs"
)

// outcome is what a result has for the device.
type outcome struct {
	message string           // server_msg
	data    tacacs.Sensitive // for the device's administrator
	args    []string
}

// attributes that become server_msg and data.
const (
	replyMessage  = 18 // RFC 2865 §5.18
	fieldMsg      = 12
	fieldData     = 13
	maxReplyArgs  = 255
	maxArgOctets  = 255
	maxDataOctets = 4096
)

// read sorts a result's AVPs. Arguments that no packet has room for are left out, and told in the log.
func (x *exchange) read(op aaa.Op, res *aaa.Result) (o outcome) {
	list, left := crossing.Reply(aaa.ClientTACACS, op, res, x.server.o.Dictionary)
	var texts []string
	for i := range list {
		v := &list[i]
		switch a := v.Attr; {
		case a == nil || v.Invalid:
		case a.IsArgument():
			text := tacacs.Argument{Name: a.Name, Value: string(v.Value), Mandatory: !v.Optional}.String()
			if len(text) > maxArgOctets || len(o.args) >= maxReplyArgs || tacacs.CheckText("", text) != nil {
				left = append(left, a.Name)
				continue
			}
			o.args = append(o.args, text)
		case a.OfTACACS() && a.Number == fieldMsg, a.Vendor == nil && a.Parent == nil && a.Number == replyMessage:
			texts = append(texts, aaa.Text(v.Value))
		case a.OfTACACS() && a.Number == fieldData && len(v.Value) <= maxDataOctets:
			o.data = v.Value
		}
	}
	o.message = message(strings.Join(texts, "\n"))
	if len(left) > 0 && op == aaa.Authz {
		x.server.o.Logger.Debug("a reply to a TACACS+ device has no room for some attributes", "client", x.client.Name, "account", string(x.client.Account), "left_out", left)
	}
	return o
}

// authorize answers an authorization.
func (x *exchange) authorize(ctx context.Context, p *tacacs.AuthorRequest) ingress.Answer {
	q := quirksOf(x.client)
	fault := q.remAddr(&p.RemAddr)
	if fault == "" {
		p.Args, fault = q.arguments(p.Args)
	}
	if err := p.Validate(); fault == "" && err != nil {
		fault = err.Error()
	}
	if fault != "" {
		return x.reply(&tacacs.AuthorReply{Status: tacacs.AuthorFail, ServerMsg: message(fault)})
	}
	list := make(avps, 0, 8+len(p.Args))
	list.identity(&x.server.names, &p.Identity)
	list.arguments(x.server.o.Dictionary, p.Args)
	res, err := x.ask(ctx, aaa.Authz, p.User, list, "")
	if err != nil {
		text, wrong := why(err)
		if wrong {
			return x.reply(&tacacs.AuthorReply{Status: tacacs.AuthorFail, ServerMsg: message(text)})
		}
		return x.unanswered(text)
	}
	out := x.read(aaa.Authz, res)
	if !res.IsAuthorized {
		return x.reply(&tacacs.AuthorReply{Status: tacacs.AuthorFail, ServerMsg: out.message, Data: out.data})
	}
	r := &tacacs.AuthorReply{ServerMsg: out.message, Data: out.data}
	switch {
	case res.Reply != nil && res.Reply.Engine == "tacacs": // they are those in force
	case res.Outcome == aaa.Off || res.Outcome == aaa.Bypassed: // nobody was asked
		out.args = merged(p.Args, out.args)
	default:
		asked, lacks := answered(p.Args, out.args)
		if lacks != "" {
			return x.reply(&tacacs.AuthorReply{Status: tacacs.AuthorFail, ServerMsg: message("nothing permits the argument " + quote(lacks))})
		}
		out.args = merged(asked, out.args)
	}
	r.Status, r.Args = difference(p.Args, out.args)
	return x.reply(r)
}

// answered returns the arguments that an answer is about: what the request is for, and what the answer has too. The device's other wishes, such
// as a privilege level, are not granted by silence: an optional one is dropped, and lacks names a mandatory one, without which the device
// can't do what it asked for (RFC 8907 §6.1).
func answered(asked, given []string) (about []string, lacks string) {
	named := map[string]bool{"service": true, "protocol": true, "cmd": true, "cmd-arg": true}
	for _, text := range given {
		a, _ := tacacs.ParseArgument(text)
		named[a.Name] = true
	}
	for _, text := range asked {
		switch a, _ := tacacs.ParseArgument(text); {
		case named[a.Name]:
			about = append(about, text)
		case a.Mandatory:
			return nil, a.Name
		}
	}
	return about, ""
}

// merged puts a reply's arguments over those of the request.
func merged(asked, given []string) []string {
	name := func(text string) string {
		a, _ := tacacs.ParseArgument(text)
		return a.Name
	}
	all := slices.DeleteFunc(slices.Clone(asked), func(text string) bool {
		return slices.ContainsFunc(given, func(g string) bool { return name(g) == name(text) })
	})
	if len(all) == len(asked) {
		return append(all, given...)
	}
	// What is replaced stays in its place: servers of devices expect the service first.
	all = all[:0]
	done := map[string]bool{}
	for _, text := range asked {
		if done[name(text)] {
			continue
		}
		same := slices.DeleteFunc(slices.Clone(given), func(g string) bool { return name(g) != name(text) })
		if len(same) == 0 {
			all = append(all, text)
			continue
		}
		done[name(text)] = true
		all = append(all, same...)
	}
	for _, g := range given {
		if !done[name(g)] {
			all = append(all, g)
		}
	}
	return all
}

// difference says how a reply gives the arguments in force: those that go beyond the request, or all of them (RFC 8907 §6.2).
func difference(asked, force []string) (tacacs.AuthorStatus, []string) {
	if len(force) >= len(asked) && slices.Equal(force[:len(asked)], asked) {
		return tacacs.AuthorPassAdd, force[len(asked):]
	}
	return tacacs.AuthorPassRepl, force
}

// statuses are the values of Acct-Status-Type (RFC 2866 §5.1) of a record's flags.
func statuses(flags tacacs.AcctFlags) (list []byte) {
	for _, s := range []struct {
		flag   tacacs.AcctFlags
		status byte
	}{{tacacs.AcctStart, 1}, {tacacs.AcctStop, 2}, {tacacs.AcctWatchdog, 3}} {
		if flags&s.flag != 0 {
			list = append(list, s.status)
		}
	}
	return list
}

// written returns a record's arguments with \xNN for each octet that is no printable US-ASCII: a record tells of what users type, who could keep
// commands out of it by such an octet.
func written(args []string) []string {
	for i, text := range args {
		if tacacs.CheckText("", text) == nil {
			continue
		}
		var b strings.Builder
		for _, c := range []byte(text) {
			if c < ' ' || c > '~' {
				fmt.Fprintf(&b, `\x%02x`, c)
			} else {
				b.WriteByte(c)
			}
		}
		args[i] = b.String()[:min(b.Len(), maxArgOctets)]
	}
	return args
}

// record answers an accounting record. SUCCESS means that the record is stored, or a server has it.
func (x *exchange) record(ctx context.Context, p *tacacs.AcctRequest) ingress.Answer {
	q := quirksOf(x.client)
	fault := q.remAddr(&p.RemAddr)
	if fault == "" {
		p.Args, fault = q.arguments(written(p.Args))
	}
	if err := p.Validate(); fault == "" && err != nil {
		fault = err.Error()
	}
	if fault != "" {
		return x.unanswered(fault)
	}
	list := make(avps, 0, 10+len(p.Args))
	list.identity(&x.server.names, &p.Identity)
	for _, status := range statuses(p.Flags) {
		list.add(x.server.names.status, []byte{0, 0, 0, status})
	}
	list.arguments(x.server.o.Dictionary, p.Args)
	res, err := x.ask(ctx, aaa.Accounting, p.User, list, "")
	if err != nil {
		text, _ := why(err)
		return x.unanswered(text)
	}
	out := x.read(aaa.Accounting, res)
	r := &tacacs.AcctReply{Status: tacacs.AcctError, ServerMsg: out.message, Data: out.data}
	if res.IsAuthorized {
		r.Status = tacacs.AcctSuccess
	}
	return x.reply(r)
}
