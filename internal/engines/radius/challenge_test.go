package radius

import (
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// TestChallengePrompt: what an Access-Challenge shows the user (RFC 2865 §5.18, RFC 2869 §5.10).
func TestChallengePrompt(t *testing.T) {
	t.Parallel()
	text := func(s string) []byte { return append([]byte{radius.AttrReplyMessage, byte(2 + len(s))}, s...) }
	state := []byte{radius.AttrState, 3, 7}
	for name, c := range map[string]struct {
		attributes [][]byte
		prompt     string
		echo       bool
	}{
		"nothing":    {[][]byte{state}, "", false},
		"text":       {[][]byte{text("Code?"), state}, "Code?", false},
		"two texts":  {[][]byte{text("One"), state, text("two?")}, "One\ntwo?", false},
		"echo":       {[][]byte{state, text("Name?"), {radius.AttrPrompt, 6, 0, 0, 0, 1}}, "Name?", true},
		"no echo":    {[][]byte{state, {radius.AttrPrompt, 6, 0, 0, 0, 0}}, "", false},
		"no number":  {[][]byte{state, {radius.AttrPrompt, 3, 1}}, "", false},
		"no UTF-8":   {[][]byte{state, text("\xff?")}, "ÿ?", false},
		"two States": {[][]byte{state, {radius.AttrState, 3, 8}}, "", false},
	} {
		s := enginetest.NewScriptedRADIUS(t, testSecret, func(q *enginetest.Query) {
			var all []byte
			for _, a := range c.attributes {
				all = append(all, a...)
			}
			q.Send(q.Answer(radius.AccessChallenge, all...))
		})
		r, err := openTest(t, New(Options{}), scriptedServer(s, 0, 0)).Exchange(t.Context(), login(avptest.New()))
		if err != nil || r.Outcome != aaa.Challenge || string(r.State) != "\x07" || r.Prompt != c.prompt || r.Echo != c.echo {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// TestTACACSStaysOut: fields of TACACS+ have no place in a packet of RADIUS, least of all its passwords.
func TestTACACSStaysOut(t *testing.T) {
	t.Parallel()
	r := login(avptest.New())
	with, err := built(t, r)
	if err != nil {
		t.Fatal(err)
	}
	want := len(with.enc.Packet)
	r.AVPs = append(r.AVPs, aaa.AVP{Attr: aaa.NewArgument("password"), Value: []byte("hush")})
	got, err := built(t, r)
	if err != nil || len(got.enc.Packet) != want {
		t.Errorf("%d octets, want %d: %v", len(got.enc.Packet), want, err)
	}
}
