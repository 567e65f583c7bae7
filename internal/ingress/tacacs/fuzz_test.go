package tacacs_test

import (
	"context"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
	"aaa-api/internal/tacacs"
)

// FuzzPackets: two packets of a session, in the clear for the fuzzer and hidden for the server, get a reply that can be read, or silence and
// the connection's end.
func FuzzPackets(f *testing.F) {
	add := func(typ tacacs.Type, bodies ...tacacs.Request) {
		var octets [2][]byte
		for i, b := range bodies {
			octets[i], _ = b.Append(nil)
		}
		f.Add(byte(typ), byte(tacacs.Version0), byte(0), byte(0), octets[0], octets[1])
	}
	add(tacacs.TypeAuthen, ascii("bob"), &tacacs.AuthenContinue{UserMsg: []byte("correct horse")})
	add(tacacs.TypeAuthen, ascii(""), &tacacs.AuthenContinue{UserMsg: []byte("bob")})
	add(tacacs.TypeAuthen, ascii("bob"), &tacacs.AuthenContinue{Flags: tacacs.ContinueAbort})
	add(tacacs.TypeAuthor, &tacacs.AuthorRequest{Identity: identity, Args: []string{"service=shell", "cmd*show", "", "<cr>"}})
	add(tacacs.TypeAcct, &tacacs.AcctRequest{Flags: tacacs.AcctStop, Identity: identity, Args: []string{"task_id=1"}})
	chap := ascii("bob")
	chap.Method, chap.Data = tacacs.AuthenCHAP, make([]byte, 33)
	add(tacacs.TypeAuthen, chap)
	f.Fuzz(func(t *testing.T, typ, version, flags, quirks byte, first, second []byte) {
		doc := aaa.Client{}
		for i, q := range []string{aaa.QuirkShortBody, aaa.QuirkPasswordInData, aaa.QuirkBareArguments, aaa.QuirkBlankRemAddr, aaa.QuirkEmptyArguments} {
			if quirks>>i&1 != 0 {
				doc.Quirks = append(doc.Quirks, q)
			}
		}
		d := newDevice(t, service(func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
			if err := aaa.CheckValues(req.Values); err != nil {
				t.Errorf("values: %v", err)
			}
			return logins(t.Context(), req)
		}), doc)
		for i, body := range [][]byte{first, second} {
			h := tacacs.Header{Version: version, Type: tacacs.Type(typ), Seq: byte(2*i + 1), Flags: flags, SessionID: 7, Length: uint32(len(body))}
			hidden := append([]byte(nil), body...)
			tacacs.Obfuscate(hidden, h, secret)
			a, err := d.server.Packet(t.Context(), front, &ingress.Packet{
				Listener: ingress.TACACS, Conn: 1, From: d.from, Octets: append(h.Append(nil), hidden...), At: time.Now(),
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Octets) == 0 {
				if !a.Close && !a.Done {
					t.Fatalf("no reply, and no end: %+v", a)
				}
				continue
			}
			got, err := tacacs.ParseHeader(a.Octets)
			if err != nil || got.Seq != h.Seq+1 || int(got.Length) != len(a.Octets)-tacacs.HeaderLen {
				t.Fatalf("%+v, %v", got, err)
			}
			reply := map[tacacs.Type]tacacs.Reply{
				tacacs.TypeAuthen: new(tacacs.AuthenReply), tacacs.TypeAuthor: new(tacacs.AuthorReply), tacacs.TypeAcct: new(tacacs.AcctReply),
			}[got.Type]
			if err := tacacs.DecodeBody(a.Octets[tacacs.HeaderLen:], got, secret, reply); err != nil {
				t.Fatal(err)
			}
			if err := reply.Validate(); err != nil {
				t.Fatal(err)
			}
		}
		d.server.Closed(front, 1)
		if n := d.server.Waiting(); n != 0 {
			t.Fatalf("%d wait", n)
		}
	})
}
