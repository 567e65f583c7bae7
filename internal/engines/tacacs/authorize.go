package tacacs

import (
	"context"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// authorization returns the authorization request for all arguments (RFC 8907 §6.1).
func (f *fields) authorization() *tacacs.AuthorRequest {
	return &tacacs.AuthorRequest{Identity: f.identity(), Args: f.withService()}
}

// authorize asks whether the arguments are allowed. With an Accept the Reply holds those in force:
// the server's alone after PASS_REPL, the request's and the server's after PASS_ADD (§6.2).
//
// A mandatory argument that its receiver can't handle is a denial (§6.1). This service handles
// the arguments that it can name to the caller: at a strict server those of the
// dictionaries, at a custom one all. An optional argument is always handed on.
func (c *client) authorize(ctx context.Context, f *fields, d aaa.Dictionary) (*engines.Reply, error) {
	ask := f.authorization()
	var r tacacs.AuthorReply
	_, sent, err := c.first(ctx, f.request.Allowance, ask, &r)
	if err != nil {
		return refused(sent, err)
	}
	if r.Status == tacacs.AuthorError {
		return nil, c.unable(sent, r.ServerMsg, r.Data)
	}
	c.succeeded()
	reply := &engines.Reply{Outcome: aaa.Reject, Attempts: sent, AVPs: messages(r.ServerMsg, r.Data)}
	if r.Status != tacacs.AuthorPassAdd && r.Status != tacacs.AuthorPassRepl {
		return reply, nil // FAIL, or FOLLOW, which is never followed and counts as one
	}
	if reply.Note = c.unhandled(r.Args, d); reply.Note != "" {
		c.engine.opts.Logger.Warn("denied for what the server sent with its permission",
			"engine", Name, "account", string(c.account), "server", c.name, "reason", reply.Note)
		return reply, nil
	}
	reply.Outcome = aaa.Accept
	for _, text := range inForce(ask.Args, &r) {
		a, _ := tacacs.ParseArgument(text) // unhandled has refused a text that is no argument
		attr, _ := definition(d, a.Name)
		reply.AVPs = append(reply.AVPs, aaa.AVP{Attr: attr, Value: []byte(a.Value), Optional: !a.Mandatory})
	}
	return reply, nil
}

// unhandled returns why an argument makes a PASS a denial: it is mandatory and unknown, or no argument
// at all. It is empty if none does.
func (c *client) unhandled(args []string, d aaa.Dictionary) string {
	for _, text := range args {
		a, ok := tacacs.ParseArgument(text)
		if !ok {
			return "the server sent " + short(text) + " where an argument was due"
		}
		if _, known := definition(d, a.Name); !known && c.strict && a.Mandatory {
			return "the server's mandatory argument " + short(a.Name) + " is in none of its dictionaries"
		}
	}
	return ""
}

// inForce merges the arguments of a request and of the reply that allowed it.
func inForce(asked []string, r *tacacs.AuthorReply) []string {
	if r.Status == tacacs.AuthorPassRepl {
		return r.Args
	}
	all := slices.Clone(asked)
	for _, text := range r.Args {
		if !slices.Contains(asked, text) {
			all = append(all, text)
		}
	}
	return all
}
