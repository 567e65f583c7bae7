package radius

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"testing"
)

// find returns the first value of a plain attribute in a packet.
func find(t testing.TB, packet []byte, number byte) []byte {
	t.Helper()
	for b := packet[headerLen:]; len(b) > 1; b = b[b[1]:] {
		if b[0] == number {
			return b[2:b[1]]
		}
	}
	t.Fatalf("no attribute %d", number)
	return nil
}

func has(packet []byte, number byte) bool {
	for b := packet[headerLen:]; len(b) > 1; b = b[b[1]:] {
		if b[0] == number {
			return true
		}
	}
	return false
}

func checkAccountingAuthenticator(t testing.TB, packet []byte) {
	t.Helper()
	b := bytes.Clone(packet)
	clear(b[4:headerLen])
	if sum := md5.Sum(append(b, testSecret...)); !bytes.Equal(sum[:], packet[4:headerLen]) {
		t.Error("the Accounting-Request's authenticator is wrong (RFC 2866 §3)")
	}
}

func checkMessageAuthenticator(t testing.TB, packet []byte) {
	t.Helper()
	if packet[headerLen] != attrMessageAuth || packet[headerLen+1] != 18 {
		t.Fatalf("the first attribute is %d, not Message-Authenticator", packet[headerLen])
	}
	b := bytes.Clone(packet)
	clear(b[headerLen+2 : headerLen+18])
	mac := hmac.New(md5.New, []byte(testSecret))
	mac.Write(b)
	if !hmac.Equal(mac.Sum(nil), packet[headerLen+2:headerLen+18]) {
		t.Error("the Message-Authenticator is wrong")
	}
}
