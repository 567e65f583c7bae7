package avp

import (
	"bytes"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// encoded11 is encoded under RADIUS/1.1.
func encoded11(d aaa.Dictionary, avps ...aaa.AVP) (radius.Packet, error) {
	var e Encoder
	e.Begin11(radius.AccessRequest, d)
	for _, v := range avps {
		if err := e.Add(v); err != nil {
			return radius.Packet{}, err
		}
	}
	radius.Finish11(e.Packet, 0xdeadbeef)
	return radius.Parse11(e.Packet)
}

// decoded11 is decoded under RADIUS/1.1.
func decoded11(d aaa.Dictionary, p radius.Packet) []aaa.AVP {
	x := Decoder{Dict: d, Plain: true}
	return x.Decode(p.Clone())
}

// TestNothingIsHidden11: RADIUS/1.1 sends passwords and keys as they are: without padding, salt or length, so longer than
// the ciphers allow, and ending as they like (RFC 9765 §5.1). The tag stays.
func TestNothingIsHidden11(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	long := strings.Repeat("p", radius.MaxValue-1) + "\x00"
	for _, c := range []struct {
		avp  aaa.AVP
		want string // on the wire
	}{
		{d.AVP("User-Password", "correct horse"), "\x02\x0fcorrect horse"},
		{d.AVP("User-Password", ""), "\x02\x02"},
		{d.AVP("User-Password", long), "\x02\xff" + long},
		{d.AVP("Tunnel-Password", "secret"), "\x45\x09\x00secret"},
		{d.AVP("MS-MPPE-Send-Key", "\x00\x01\x02"), "\x1a\x0b\x00\x00\x01\x37\x10\x05\x00\x01\x02"},
		{d.AVP("Ascend-Send-Secret", "longer than one block of MD5"), "\x1a\x24\x00\x00\x02\x11\xd6\x1elonger than one block of MD5"},
	} {
		p, err := encoded11(nil, c.avp)
		if err != nil {
			t.Errorf("%s: %v", c.avp.Attr.Name, err)
			continue
		}
		if got := string(p.Octets()[radius.HeaderLen:]); got != c.want {
			t.Errorf("%s: %q, want %q", c.avp.Attr.Name, got, c.want)
		}
		if back := decoded11(d, p); len(back) != 1 || back[0].Attr != c.avp.Attr || !bytes.Equal(back[0].Value, c.avp.Value) {
			t.Errorf("%s: came back as %+v", c.avp.Attr.Name, back)
		}
	}
	if _, err := encoded11(nil, d.AVP("User-Password", long+"x")); err == nil {
		t.Error("254 octets fit into an attribute")
	}
}

// TestMasked11: what is shown of a packet of RADIUS/1.1 holds no secret.
func TestMasked11(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	e := Encoder{Mask: true}
	e.Begin11(radius.AccessRequest, nil)
	for _, name := range []string{"User-Password", "Tunnel-Password", "MS-MPPE-Send-Key", "Ascend-Send-Secret"} {
		if err := e.Add(d.AVP(name, "correct horse")); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Contains(e.Packet, []byte("horse")) {
		t.Errorf("%q", e.Packet)
	}
}

// TestMeaningless11: a Message-Authenticator of any shape, and an Original-Packet-Code, are dropped (RFC 9765 §5.2, §5.5).
func TestMeaningless11(t *testing.T) {
	t.Parallel()
	d := system(t)
	b := radius.AppendHeader11(nil, radius.AccessAccept, 7)
	b = radius.AppendAttribute(b, radius.AttrMessageAuthenticator, 1, 2, 3)
	b = radius.AppendAttribute(b, radius.AttrExtended1, radius.ExtOriginalPacketCode, 0, 0, 0, 1)
	b = radius.AppendAttribute(b, radius.AttrReplyMessage, 'x')
	b = radius.AppendMAC(radius.AppendMAC(b))
	radius.Finish11(b, 7)
	p, err := radius.Parse11(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := decoded11(d, p); len(got) != 1 || got[0].Attr.Name != "Reply-Message" {
		t.Errorf("%+v", got)
	}
}
