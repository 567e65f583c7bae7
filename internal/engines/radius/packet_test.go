package radius

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"testing"

	"aaa-api/internal/radius"
)

// find returns the first value of a plain attribute in a packet.
func find(t testing.TB, packet []byte, number byte) []byte {
	t.Helper()
	for b := packet[radius.HeaderLen:]; len(b) > 1; b = b[b[1]:] {
		if b[0] == number {
			return b[2:b[1]]
		}
	}
	t.Fatalf("no attribute %d", number)
	return nil
}

func has(packet []byte, number byte) bool {
	for b := packet[radius.HeaderLen:]; len(b) > 1; b = b[b[1]:] {
		if b[0] == number {
			return true
		}
	}
	return false
}

func checkAccountingAuthenticator(t testing.TB, packet []byte) {
	t.Helper()
	b := bytes.Clone(packet)
	clear(b[4:radius.HeaderLen])
	if sum := md5.Sum(append(b, testSecret...)); !bytes.Equal(sum[:], packet[4:radius.HeaderLen]) {
		t.Error("the Accounting-Request's authenticator is wrong (RFC 2866 §3)")
	}
}

func checkMessageAuthenticator(t testing.TB, packet []byte) {
	t.Helper()
	if packet[radius.HeaderLen] != radius.AttrMessageAuthenticator || packet[radius.HeaderLen+1] != 18 {
		t.Fatalf("the first attribute is %d, not Message-Authenticator", packet[radius.HeaderLen])
	}
	b := bytes.Clone(packet)
	clear(b[radius.HeaderLen+2 : radius.HeaderLen+18])
	mac := hmac.New(md5.New, []byte(testSecret))
	mac.Write(b)
	if !hmac.Equal(mac.Sum(nil), packet[radius.HeaderLen+2:radius.HeaderLen+18]) {
		t.Error("the Message-Authenticator is wrong")
	}
}
