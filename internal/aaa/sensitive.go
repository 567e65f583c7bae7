package aaa

import (
	"strings"
	"unicode"
)

// sensitiveParts make a name sensitive wherever they stand in it.
var sensitiveParts = []string{"password", "passwd", "passphrase", "passcode", "secret", "credential", "apikey", "mschap"}

// sensitiveWords make a name sensitive as a word of their own.
var sensitiveWords = map[string]bool{
	"pass": true, "pwd": true, "pw": true, "pin": true, "otp": true, "tan": true, "token": true, "cookie": true,
	"chap": true, "chap1": true, "chap2": true,
}

// SensitiveName reports whether a request key or attribute is, by its name,
// a password or another secret. Such values never appear in traces and are not
// given to external authorisers. The rule: the name, without regard to case,
// contains password, passwd, passphrase, passcode, secret, credential, apikey or
// MS-CHAP, or one of its words is pass, pwd, pw, pin, otp, tan, token, cookie
// or CHAP. Words end at every character that is neither letter nor
// digit, and where a small letter is followed by a capital.
func SensitiveName(name string) bool {
	var plain strings.Builder // lower case, letters and digits only
	var word strings.Builder
	small := false
	for _, r := range name {
		letter := unicode.IsLetter(r) || unicode.IsDigit(r)
		if !letter || small && unicode.IsUpper(r) {
			if sensitiveWords[word.String()] {
				return true
			}
			word.Reset()
		}
		if letter {
			plain.WriteRune(unicode.ToLower(r))
			word.WriteRune(unicode.ToLower(r))
		}
		small = unicode.IsLower(r)
	}
	if sensitiveWords[word.String()] {
		return true
	}
	all := plain.String()
	for _, part := range sensitiveParts {
		if strings.Contains(all, part) {
			return true
		}
	}
	return false
}
