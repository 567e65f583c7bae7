package aaa

import "testing"

func TestSensitiveName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"User-Password": true, "userPassword": true, "USER_PASSWD": true, "user.password.1": true, "password": true,
		"CHAP-Password": true, "CHAP-Challenge": true, "MS-CHAP-Response": true, "MS-CHAP2-Response": true, "mschap": true,
		"Tunnel-Password": true, "sharedSecret": true, "auth_token": true, "X-Auth-Token": true, "pin": true, "userPin": true,
		"Pwd": true, "otp-code": true, "Client Credentials": true, "apikey": true, "apiKey": true, "API Key": true, "pass": true,
		"": false, "User-Name": false, "shipping": false, "Pinned": false, "compass": false, "Calling-Station-Id": false,
		"Call-Direction": false, "tokens-left": false, "Chapter": false, "spwdx": false,
	} {
		if got := SensitiveName(name); got != want {
			t.Errorf("SensitiveName(%q) = %v, want %v", name, got, want)
		}
	}
}
