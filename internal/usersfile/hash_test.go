package usersfile

import (
	"strings"
	"sync"
	"testing"
)

// vectors are hashes of "correct horse", made by the programs named.
var vectors = []struct{ by, hash string }{
	{"mkpasswd -m bcrypt", `$2b$05$l0SGZ4aeGHox0/j3TnqKsOghfh8LGd/YdaMNVWCDKdwLl2R607CBe`},
	{"mkpasswd -m bcrypt-a", `$2a$05$ERGG7QD9HY3/1znE9NgJs.0jlrxyZ3Yi0lovt25R5XkVq3bUyINJi`},
	{"htpasswd -nbBC 4", `$2y$04$GHu48bxn85dA68fx01YR6.lAgPMYoK8H7JyUhYXZX6lfyfaNJoVPK`},
	{"argon2 -id", `$argon2id$v=19$m=4096,t=2,p=2$c29tZXNhbHQ$2azoCwSu9gA2AmSW1hAPee6Tj2eFRBsO56AkmSIllt8`},
	{"argon2 -i", `$argon2i$v=19$m=4096,t=2,p=2$c29tZXNhbHQ$qiUSDHXfwymYpU+Pok+D5lUirnrGsiefqmCNcM8CLBY`},
	{"argon2 -d", `$argon2d$v=19$m=4096,t=2,p=2$c29tZXNhbHQ$e3YGKLSiI2WoBLCrqy6uJAGkR7ORS3ddxXfPPDJQFqA`},
	{"openssl passwd -6", `$6$saltstring$.r0X7ub5wGR2v4Xz7svCIozfnlorFh19V89t8KC9Umd81uGhFgsyTRNyzQDXDIm17fFcR9z3z7oBNdsyYBbtm/`},
	{"mkpasswd -m sha512crypt -R 20000", `$6$rounds=20000$fbnlKkPQ/FT4HkTS$A99Z9kiNtPHIW7WQxOY9/e/YzRH6bI0IRbo4bQXjLIHeQxO56iGk9TBUTsCPxkRubSvF02oGWtp11r.TFDe5F1`},
	{"openssl passwd -5", `$5$JWyHeDquzKkQoEBf$GDs81cWan56W0oGaNFmW.xlXTuIA6ZoRW9eCxrJ9jRB`},
	{"openssl passwd -1", `$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80`},
	{"mkpasswd -m yescrypt", `$y$j9T$nUEMyhpQoJHRKa6Ibld420$8LAJgvoflTognpMXHGfC8CMROHctF4zu3hQaIWMq8oA`},
	{"mkpasswd -m yescrypt -R 1", `$y$j75$X6o8TzpzoC8NRbtWjNUWJ.$6EgBu8r9fskSJY9qwkCK4LL7ekQUjgMt1ffkvEPrLv2`},
	{"Python's hashlib.scrypt", `$scrypt$ln=12,r=8,p=1$c2l4dGVlbiBvY3RldHMhIQ$LOQ55o3L17ch6Fy7sHZc8btJ/vVf+FDuPUhvkKCP2B8`},
	{"Python's hashlib.pbkdf2_hmac, SHA-1", `$pbkdf2$1000$c2l4dGVlbiBvY3RldHMhIQ$owf6ivahzT9789AlkWURh/bG/7Q`},
	{"Python's hashlib.pbkdf2_hmac, SHA-256", `$pbkdf2-sha256$1000$c2l4dGVlbiBvY3RldHMhIQ$NtymXruKfr1iQSBfN3KVKM3JHLCn6mlV6fUpXlk7Mo4`},
	{"Python's hashlib.pbkdf2_hmac, SHA-512", `$pbkdf2-sha512$1000$c2l4dGVlbiBvY3RldHMhIQ$AJyZSyCQjve3NZKN2zqKMEHpWGTntFUlZOAIJBhWoaqk.4GLmYNY/t2YYFoEF0Qj/t8aOOI5shXCte.K0da2OA`},
}

const password = "correct horse"

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		t.Run(v.by, func(t *testing.T) {
			t.Parallel()
			// In both forms of a file, and side by side: digests are shared by all requests.
			text := "ann:" + v.hash + ":19000:0:99999:7:::\nbob Password = \"" + v.hash + "\"\n"
			f, faults := Parse([]byte(text))
			if len(faults) > 0 || f.Len() != 2 {
				t.Fatalf("faults %v", faults)
			}
			var wg sync.WaitGroup
			for _, c := range []struct {
				name, password string
				want           Verdict
			}{{"ann", password, Accepted}, {"bob", password, Accepted}, {"ann", "Correct horse", Refused}, {"bob", password + " ", Refused}} {
				wg.Go(func() {
					entry, got, err := f.Verify(c.name, c.password, atOnce)
					if got != c.want || err != nil {
						t.Errorf("%s with %q: %v, %v", c.name, c.password, got, err)
					}
					if got == Accepted && entry.Name != c.name {
						t.Errorf("entry of %q", entry.Name)
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestHashesRefused has one hash of each form for each bound that it exceeds.
func TestHashesRefused(t *testing.T) {
	t.Parallel()
	key43 := strings.Repeat("a", 43)
	key86 := strings.Repeat("b", 86)
	for name, c := range map[string]struct{ hash, rule, says string }{
		"bcrypt's cost":        {"$2b$15$" + strings.Repeat("c", 53), "cost", "4 to 14"},
		"bcrypt too weak":      {"$2b$03$" + strings.Repeat("c", 53), "cost", "4 to 14"},
		"bcrypt cut off":       {"$2b$12$" + strings.Repeat("c", 52), "hash", "bcrypt"},
		"the broken bcrypt":    {"$2x$05$" + strings.Repeat("c", 53), "hash", "not known"},
		"argon2's memory":      {"$argon2id$v=19$m=65537,t=1,p=1$c29tZXNhbHQ$" + key43, "cost", "65536"},
		"argon2 overflowing":   {"$argon2id$v=19$m=4294967297,t=1,p=1$c29tZXNhbHQ$" + key43, "cost", "65536"},
		"argon2's passes":      {"$argon2d$v=19$m=64,t=11,p=1$c29tZXNhbHQ$" + key43, "cost", "1 to 10"},
		"argon2's lanes":       {"$argon2i$v=19$m=64,t=1,p=9$c29tZXNhbHQ$" + key43, "cost", "1 to 8"},
		"argon2 without lanes": {"$argon2i$v=19$m=64,t=1,p=0$c29tZXNhbHQ$" + key43, "cost", "lanes"},
		"argon2's old version": {"$argon2i$v=16$m=64,t=1,p=1$c29tZXNhbHQ$" + key43, "hash", "argon2"},
		"argon2 unquoted":      {"$argon2id$v=19$m=64", "hash", "quotes"},
		"sha-crypt's rounds":   {"$6$rounds=1000001$salt$" + key86, "cost", "1000000"},
		"sha-crypt's few":      {"$5$rounds=999$salt$" + key43, "cost", "1000"},
		"yescrypt's memory":    {"$y$jFT$wtO7k.ul5T/PuqRUK5jBQ1$XcGJBy.HtaHFLM36QxX9NVnl0EjO.B4uLYqgMKyt766", "cost", "memory"},
		"yescrypt's settings":  {"$y$j9T8$wtO7k.ul5T/PuqRUK5jBQ1$XcGJBy.HtaHFLM36QxX9NVnl0EjO.B4uLYqgMKyt766", "hash", "yescrypt"},
		"scrypt's memory":      {"$scrypt$ln=17,r=8,p=1$c2l4dGVlbg$" + key43, "cost", "memory"},
		"scrypt's r":           {"$scrypt$ln=10,r=4294967295,p=1$c2l4dGVlbg$" + key43, "cost", "memory"},
		"scrypt's lanes":       {"$scrypt$ln=10,r=8,p=5$c2l4dGVlbg$" + key43, "cost", "1 to 4"},
		"pbkdf2's rounds":      {"$pbkdf2-sha256$1000001$c2l4dGVlbg$" + key43, "cost", "1000000"},
		"pbkdf2's long key":    {"$pbkdf2-sha256$1000$c2l4dGVlbg$" + key86, "hash", "pbkdf2"},
		"apr1":                 {"$apr1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/", "hash", "htpasswd -nB"},
		"a digest":             {"{SHA}EfatjsUqKYSrqv18O1FlA3hcIHI=", "hash", "not known"},
		"DES":                  {"rEK1ecacw.7.c", "clear_text", "openssl passwd -6"},
		"clear text":           {"hunter2", "clear_text", "clear text"},
		"empty":                {"", "password", "empty"},
		"masked":               {"********", "masked", "none to keep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, faults := Parse([]byte("# a comment\nbob:" + c.hash + "\n"))
			if len(faults) != 1 || f.Len() != 0 {
				t.Fatalf("faults %v", faults)
			}
			if got := faults[0]; got.Line != 2 || got.Rule != c.rule || !strings.Contains(got.Message, c.says) {
				t.Errorf("fault %+v, want rule %s that says %s", got, c.rule, c.says)
			}
		})
	}
}

// TestCeiling: one setting bounds all kinds of hashes, each step to half of the work.
func TestCeiling(t *testing.T) {
	t.Parallel()
	key43, key86 := strings.Repeat("a", 43), strings.Repeat("b", 86)
	for name, c := range map[string]struct {
		hash string
		cost Cost // the lowest that takes it
	}{
		"bcrypt":       {"$2b$11$" + strings.Repeat("c", 53), 11},
		"argon2":       {"$argon2id$v=19$m=65536,t=5,p=1$c29tZXNhbHQ$" + key43, 13},
		"sha512-crypt": {"$6$rounds=250000$salt$" + key86, 12},
		"its default":  {"$6$salt$" + key86, 7},
		"sha256-crypt": {"$5$rounds=1000$salt$" + key43, 4},
		"yescrypt":     {"$y$j9T$wtO7k.ul5T/PuqRUK5jBQ1$XcGJBy.HtaHFLM36QxX9NVnl0EjO.B4uLYqgMKyt766", 12},
		"scrypt":       {"$scrypt$ln=14,r=8,p=1$c2l4dGVlbg$" + key43, 12},
		"pbkdf2":       {"$pbkdf2-sha256$500000$c2l4dGVlbg$" + key43, 13},
		"md5-crypt":    {weakest, 4},
	} {
		for cost := MinCost; cost <= DefaultCost; cost++ {
			_, faults := ParseUpTo([]byte("bob:"+c.hash+"\n"), cost)
			switch taken := len(faults) == 0; {
			case taken != (cost >= c.cost):
				t.Errorf("%s at a ceiling of %d: taken %v, faults %v", name, cost, taken, faults)
			case !taken && faults[0].Rule != "cost":
				t.Errorf("%s at a ceiling of %d: %v", name, cost, faults)
			}
		}
	}
}

const weakest = "$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80"

// TestEdges shows that what the bounds let through neither fails nor panics in the library where numbers are smallest.
func TestEdges(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("a", 42)
	for _, hash := range []string{
		"$y$j1.$wtO7k.ul5T/PuqRUK5jBQ1$" + key + "A", // N=16, r=1
		"$y$jB.$wtO7k.ul5T/PuqRUK5jBQ1$" + key + "A", // N=16384, r=1
		"$scrypt$ln=4,r=1,p=4$c2l4dGVlbg$" + key + "a",
		"$scrypt$ln=4,r=1024,p=1$c2l4dGVlbg$" + key + "a",
		"$argon2id$v=19$m=128,t=10,p=16$c29tZXNhbHQ$" + key + "a",
		"$argon2d$v=19$m=8,t=1,p=1$aa$aaaaaa",
		"$5$rounds=1000$s$" + key + "a",
		"$pbkdf2$1$aa$" + key[:26] + "a",
		"$2b$04$" + key + "aaaaaaaaaaa",
	} {
		digest, refused := readHash(hash, 0)
		if refused != nil {
			t.Errorf("%s: %+v", hash, *refused)
			continue
		}
		for _, pass := range []string{"", "x", strings.Repeat("x", MaxPassword)} {
			if ok, err := digest.MatchAdvanced(pass); ok || err != nil {
				t.Errorf("%s: %v, %v", hash, ok, err)
			}
		}
	}
}
