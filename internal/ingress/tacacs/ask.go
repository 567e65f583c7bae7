package tacacs

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"unicode"

	"aaa-api/internal/aaa"
	"aaa-api/internal/crossing"
	"aaa-api/internal/ingress"
	"aaa-api/internal/tacacs"
)

// ask runs an AAA request until the device needs its answer. What the service still does then is cancelled, and not waited for.
func (x *exchange) ask(ctx context.Context, op aaa.Op, user string, list []aaa.AVP, state string) (*aaa.Result, error) {
	s := x.server
	ctx, cancel := context.WithDeadline(ctx, x.until)
	account, err := s.o.Clients.AccountOf(ctx, x.client, user)
	if err != nil {
		cancel()
		return nil, err
	}
	values := s.values(list)
	if state != "" {
		values["State"] = state
	}
	var id [8]byte
	aaa.Random(id[:])
	req := &aaa.Request{
		ID: hex.EncodeToString(id[:]), Account: account, Op: op, Values: values, Stored: op == aaa.Accounting,
		Device: &aaa.Device{
			Protocol: aaa.ClientTACACS, Owner: x.client.Account, Client: x.client.Name, NASType: x.client.Document.NASType,
			From: x.packet.From.Addr().Unmap(), AVPs: list,
		},
	}
	type answer struct {
		res *aaa.Result
		err error
	}
	answers := make(chan answer, 1)
	s.crew.Go(func() {
		defer cancel()
		res, err := s.o.AAA.Handle(ctx, req)
		answers <- answer{res, err}
	})
	select {
	case a := <-answers:
		return a.res, a.err
	case <-ctx.Done():
	}
	select { // it may have ended by itself, which ends ctx too
	case a := <-answers:
		return a.res, a.err
	default:
		return nil, ctx.Err()
	}
}

// why says for people at a device why there is no answer. wrong: the answer is no. What can't be asked as it is, such as a password that
// no server has room for, is wrong: by an ERROR whoever types it would choose the device's own users.
func why(err error) (text string, wrong bool) {
	var e *aaa.Error
	if !errors.As(err, &e) {
		if errors.Is(err, context.DeadlineExceeded) {
			return "no answer in time", false
		}
		return "the request failed", false
	}
	switch e.Kind {
	case aaa.KindBanned:
		return "too many refused logins", true
	case aaa.KindForbidden:
		return "not allowed", true
	case aaa.KindBadInput:
		return faults(e), true
	case aaa.KindNoAnswer:
		return "no server answers", false
	case aaa.KindBusy, aaa.KindLimited:
		return "the service is busy", false
	case aaa.KindUnavailable:
		return "the service is away", false
	}
	return "the request failed", false
}

// faults says what can't be asked: where, without the rules and the values of a document.
func faults(e *aaa.Error) string {
	text := "the request can't be asked as it is"
	for i, f := range e.Fields {
		text += []string{": ", ", "}[min(i, 1)] + f.Path
		if f.Rule == crossing.Refused {
			text += " (" + f.Message + ")"
		}
	}
	return text
}

// maxText bounds server_msg, in octets.
const maxText = 2048

// message cleans a text for a terminal.
func message(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// encode makes a packet of a reply; nil where no packet has room for its fields.
func (x *exchange) encode(body tacacs.Reply) []byte {
	var flags byte
	if x.packet.Listener == ingress.TACACSTLS || x.header.Flags&tacacs.FlagUnencrypted != 0 {
		flags = tacacs.FlagUnencrypted
	}
	octets, err := tacacs.AppendPacket(nil, x.header.Answer(flags), body, x.secret.Reveal())
	if err != nil {
		x.server.o.Logger.Error("a TACACS+ reply has no room", "client", x.client.Name, "account", string(x.client.Account), "error", err)
		return nil
	}
	return octets
}

// reply answers a packet; by ERROR where the reply has too much for one.
func (x *exchange) reply(body tacacs.Reply) ingress.Answer {
	octets := x.encode(body)
	if octets == nil {
		return x.unanswered("the answer is too long")
	}
	return ingress.Answer{Verdict: ingress.Verified, Octets: octets, Done: body.Final()}
}

// unanswered replies that there is no answer.
func (x *exchange) unanswered(text string) ingress.Answer {
	text = message(text)
	switch x.header.Type {
	case tacacs.TypeAuthor:
		return x.reply(&tacacs.AuthorReply{Status: tacacs.AuthorError, ServerMsg: text})
	case tacacs.TypeAcct:
		return x.reply(&tacacs.AcctReply{Status: tacacs.AcctError, ServerMsg: text})
	default:
		return x.reply(&tacacs.AuthenReply{Status: tacacs.AuthenError, ServerMsg: text})
	}
}
