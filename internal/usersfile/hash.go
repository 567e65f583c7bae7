package usersfile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/md5crypt"
	"github.com/go-crypt/crypt/algorithm/pbkdf2"
	"github.com/go-crypt/crypt/algorithm/scrypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
)

// Bounds of what one verification may cost. On a core of the year 2025 each keeps it to
// about a second; memory is what one verification holds meanwhile.
const (
	MaxBcryptCost   = 14        // log2 of the rounds
	MaxArgon2Memory = 64 * 1024 // KiB
	MaxArgon2Time   = 10        // passes
	MaxArgon2Lanes  = 16
	MaxRounds       = 1_000_000 // sha-crypt and pbkdf2, per output block
	MaxScryptMemory = 64 * 1024 // KiB: 128 octets * N * r; yescrypt alike
	MaxScryptLanes  = 4
)

// Cost is a ceiling of the work of a hash, on the scale of bcrypt: each step doubles it. The ceilings of all other kinds
// follow it, and at DefaultCost are the constants above. 0 means DefaultCost.
type Cost int

// The range of Cost.
const (
	MinCost     Cost = 4
	DefaultCost Cost = MaxBcryptCost
)

// of scales a bound that holds at DefaultCost.
func (c Cost) of(bound int) int {
	if c == 0 {
		return bound
	}
	return bound >> (DefaultCost - c)
}

// bcrypt is the bound on bcrypt's own cost.
func (c Cost) bcrypt() int {
	if c == 0 {
		c = DefaultCost
	}
	return int(c)
}

// form is one kind of hash: how it is written, what bounds its numbers, who verifies it. The
// pattern is strict, since the library fills gaps with defaults and takes any number.
type form struct {
	name     string
	prefixes []string
	pattern  func() *regexp.Regexp
	// check looks at the pattern's groups; its message is for people and shows numbers alone.
	check  func(groups []string, most Cost) error
	decode algorithm.DecodeFunc
}

// forms is fixed. Patterns are compiled when they are first asked for: they take 2 ms and 800 KB, and most processes never read a hash.
var forms = []form{
	{
		"bcrypt",
		[]string{"$2a$", "$2b$", "$2y$"},
		patternOf(`^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$`),
		func(g []string, most Cost) error { return within("bcrypt's cost", g[1], int(MinCost), most.bcrypt()) },
		bcrypt.DecodeVariant(bcrypt.VariantStandard),
	},
	{
		"argon2",
		[]string{"$argon2id$", "$argon2i$", "$argon2d$"},
		patternOf(`^\$argon2(?:id|i|d)\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,10})\$([+/A-Za-z0-9]{2,86})\$([+/A-Za-z0-9]{6,86})$`),
		func(g []string, most Cost) error {
			err := first(
				within("argon2's memory in KiB (m)", g[1], 8, MaxArgon2Memory),
				within("argon2's number of passes (t)", g[2], 1, MaxArgon2Time),
				within("argon2's number of lanes (p)", g[3], 1, min(MaxArgon2Lanes, number(g[1])/8)))
			if work, bound := number(g[1])*number(g[2]), most.of(MaxArgon2Memory*MaxArgon2Time); err == nil && work > bound {
				err = fmt.Errorf("argon2's memory in KiB times its passes is %d, and has to be at most %d", work, bound)
			}
			return err
		},
		argon2.Decode,
	},
	{
		"sha512-crypt",
		[]string{"$6$"},
		patternOf(`^\$6\$(?:rounds=(\d{1,10})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}$`),
		shaRounds,
		shacrypt.DecodeVariant(shacrypt.VariantSHA512),
	},
	{
		"sha256-crypt",
		[]string{"$5$"},
		patternOf(`^\$5\$(?:rounds=(\d{1,10})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}$`),
		shaRounds,
		shacrypt.DecodeVariant(shacrypt.VariantSHA256),
	},
	{
		"md5-crypt",
		[]string{"$1$"},
		patternOf(`^\$1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}$`),
		func([]string, Cost) error { return nil },
		md5crypt.DecodeVariant(md5crypt.VariantStandard),
	},
	{
		// j are yescrypt's usual flags; settings with more than N and r are not in use.
		"yescrypt",
		[]string{"$y$"},
		patternOf(`^\$y\$j([./A-Za-z0-9])([./A-Za-z0-9])\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}$`),
		func(g []string, most Cost) error {
			return scryptMemory("yescrypt", strings.Index(itoa64, g[1])+1, strings.Index(itoa64, g[2])+1, most.of(MaxScryptMemory))
		},
		scrypt.DecodeVariant(scrypt.VariantYescrypt),
	},
	{
		"scrypt",
		[]string{"$scrypt$"},
		patternOf(`^\$scrypt\$ln=(\d{1,2}),r=(\d{1,10}),p=(\d{1,10})\$[+/A-Za-z0-9]{2,86}\$[+/A-Za-z0-9]{6,86}$`),
		func(g []string, most Cost) error {
			return first(
				scryptMemory("scrypt", number(g[1]), number(g[2]), most.of(MaxScryptMemory)),
				within("scrypt's number of lanes (p)", g[3], 1, MaxScryptLanes))
		},
		scrypt.DecodeVariant(scrypt.VariantScrypt),
	},
	{
		// Keys are bounded to one block of the hash, so that the rounds are the cost.
		"pbkdf2",
		[]string{"$pbkdf2$", "$pbkdf2-sha1$", "$pbkdf2-sha256$", "$pbkdf2-sha512$"},
		patternOf(`^\$pbkdf2(?:(?:-sha1)?\$(\d{1,10})\$[./A-Za-z0-9]{2,86}\$[./A-Za-z0-9]{27}` +
			`|-sha256\$(\d{1,10})\$[./A-Za-z0-9]{2,86}\$[./A-Za-z0-9]{43}` +
			`|-sha512\$(\d{1,10})\$[./A-Za-z0-9]{2,86}\$[./A-Za-z0-9]{86})$`),
		func(g []string, most Cost) error {
			return within("the rounds of pbkdf2", g[1]+g[2]+g[3], 1, most.of(MaxRounds))
		},
		pbkdf2.Decode,
	},
}

// patternOf compiles a pattern once.
func patternOf(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// itoa64 are the digits of crypt(3).
const itoa64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// mask stands for a hash in what a client reads.
const mask = "********"

// maxHash bounds a hash's text, in octets; the longest form is well below.
const maxHash = 512

// locked is what passwd -l and its like leave: it may hold the hash that was locked.
var locked = regexp.MustCompile(`^[!*][!*$./,=+_A-Za-z0-9-]*$`)

// refusal is a fault without its line.
type refusal struct{ rule, message string }

// readHash takes a password's text to its digest; both are nil where it is locked.
func readHash(text string, most Cost) (algorithm.Digest, *refusal) {
	switch {
	case text == "":
		return nil, &refusal{"password", "the password is empty; " + lock}
	case text == mask:
		return nil, &refusal{"masked", mask + " stands for a hash, and there is none to keep for this name"}
	case len(text) > maxHash:
		return nil, &refusal{"too_long", fmt.Sprintf("a hash has at most %d characters", maxHash)}
	case locked.MatchString(text):
		return nil, nil
	}
	for _, f := range forms {
		if !f.owns(text) {
			continue
		}
		groups := f.pattern().FindStringSubmatch(text)
		if groups == nil {
			return nil, &refusal{"hash", "this begins like a hash of " + f.name +
				" and is none: it may have been cut off, or need quotes since it has a comma"}
		}
		if err := f.check(groups, most); err != nil {
			return nil, &refusal{"cost", err.Error()}
		}
		digest, err := f.decode(text)
		if err != nil { // whose text may show parts of the hash
			return nil, &refusal{"hash", "this hash of " + f.name + " can't be decoded"}
		}
		return digest, nil
	}
	switch {
	case strings.HasPrefix(text, "$apr1$"):
		return nil, &refusal{"hash", "the MD5 form of htpasswd ($apr1$) is not supported; " + howTo}
	case strings.HasPrefix(text, "$"), strings.HasPrefix(text, "{"):
		return nil, &refusal{"hash", "this form of hash is not known; " + howTo}
	}
	return nil, &refusal{"clear_text", "the password is no hash of a known form, and passwords in clear text are refused; " + howTo}
}

const (
	howTo = "make a hash with: openssl passwd -6, or: htpasswd -nB NAME"
	lock  = "write ! for a name that nobody can log in with"
)

func (f *form) owns(text string) bool {
	for _, p := range f.prefixes {
		if strings.HasPrefix(text, p) {
			return true
		}
	}
	return false
}

// within checks the number in text, which is of digits alone.
func within(what, text string, low, high int) error {
	if n := number(text); n < low || n > high {
		return fmt.Errorf("%s is %d, and has to be from %d to %d", what, n, low, high)
	}
	return nil
}

// number reads at most ten digits.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// shaRounds checks the rounds of sha-crypt. Fewer than a thousand were never written by
// anybody: the algorithm takes them for a thousand.
func shaRounds(groups []string, most Cost) error {
	if groups[1] == "" {
		return within("the rounds of sha-crypt", "5000", 1000, max(most.of(MaxRounds), 1000))
	}
	return within("the rounds of sha-crypt", groups[1], 1000, max(most.of(MaxRounds), 1000))
}

// scryptMemory bounds the memory, which the work is in proportion to, at most KiB.
func scryptMemory(what string, ln, r, most int) error {
	if ln < 4 || ln > 24 || r < 1 || r > 1024 || r<<ln > most*1024/128 {
		return fmt.Errorf("%s with N=2^%d and r=%d needs more than %d KiB of memory, or is too weak (N below 2^4)", what, ln, r, most)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
