package radius

import (
	"bytes"
	"testing"

	peer "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2868"
)

// TestIndependentPeer holds the codec against layeh.com/radius, which shares no code with it, in both directions: what one
// end signs and hides the other end takes and opens.
func TestIndependentPeer(t *testing.T) {
	t.Parallel()
	secret := testKey.Secret()
	for code, replies := range answered {
		if code == StatusServer {
			continue // the peer can't sign one
		}
		theirs := peer.New(peer.Code(code), secret)
		if err := rfc2865.UserPassword_SetString(theirs, "correct horse battery staple"); err != nil {
			t.Fatal(err)
		}
		wire, err := theirs.Encode()
		if err != nil {
			t.Fatal(err)
		}
		asked := parsed(t, wire)
		if _, err := testKey.VerifyRequest(asked, false); err != nil {
			t.Errorf("its request of code %d: %v", code, err)
		}
		if code == AccessRequest {
			auth := asked.Authenticator()
			hidden, _ := asked.Value(AttrUserPassword)
			c := Cipher{Key: testKey, Request: &auth}
			if got, err := c.User(bytes.Clone(hidden), 0); err != nil || string(got) != "correct horse battery staple" {
				t.Errorf("its User-Password: %q, %v", got, err)
			}
		}
		for _, back := range replies {
			if ours := reply(back, asked, 1, AppendAttribute(nil, AttrReplyMessage, 'h', 'i')...); !peer.IsAuthenticResponse(ours, wire, secret) {
				t.Errorf("it does not take the reply of code %d", back)
			}
		}

		ours := request(code, 1, AppendAttribute(nil, AttrUserName, 'b', 'o', 'b')...)
		if !peer.IsAuthenticRequest(ours, secret) {
			t.Errorf("it does not take the request of code %d", code)
		}
		read, err := peer.Parse(ours, secret)
		if err != nil {
			t.Fatal(err)
		}
		auth := Authenticator(read.Authenticator)
		for _, back := range replies {
			answer := read.Response(peer.Code(back))
			if err := rfc2868.TunnelPassword_SetString(answer, 1, "a tunnel's password"); err != nil {
				t.Fatal(err)
			}
			wire, err := answer.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := testKey.VerifyReply(parsed(t, wire), code, &auth, false); err != nil {
				t.Errorf("its reply of code %d: %v", back, err)
			}
			hidden, _ := parsed(t, wire).Value(69)
			c := Cipher{Key: testKey, Request: &auth}
			if code != AccessRequest {
				continue
			}
			if got, err := c.Tunnel(bytes.Clone(hidden[1:])); err != nil || string(got) != "a tunnel's password" {
				t.Errorf("its Tunnel-Password: %q, %v", got, err)
			}
		}
	}
}
