package translate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/translate"
)

// TestSentWholeOrRefused: a value that makes the request another one where it is missing is sent, or the
// request is refused with the key and the rule.
func TestSentWholeOrRefused(t *testing.T) {
	t.Parallel()
	const authn, authz, accounting = "authn_avp_translation", "authz_avp_translation", "accounting_avp_translation"
	line := `(?-s)^(.*)$` // as a rule that takes no line break
	for name, c := range map[string]struct {
		section string
		mode    aaa.AVPMode
		tacacs  bool
		rules   []aaa.Rule
		in      string
		want    string // path and rule of the refusal, empty where all is sent
	}{
		"a command of two lines":                  {authz, aaa.StrictArguments, true, []aaa.Rule{rule("c", "cmd", line), rule("w", "cmd-arg", line)}, `{"c":"show\nreload","w":["version"]}`, "c regexp"},
		"a word of two lines":                     {authz, aaa.StrictArguments, true, []aaa.Rule{rule("c", "cmd", line), rule("w", "cmd-arg", line)}, `{"c":"show","w":["version","x\nreload"]}`, "w.1 regexp"},
		"the only word":                           {authz, aaa.StrictArguments, true, []aaa.Rule{rule("w", "cmd-arg", line)}, `{"w":["x\nreload"]}`, "w.0 regexp"},
		"no command":                              {authz, aaa.StrictArguments, true, []aaa.Rule{rule("c", "cmd", `^(.*)$`), rule("w", "cmd-arg", `^(.*)$`)}, `{"c":[],"w":["version"]}`, "c minLength"},
		"no service":                              {authz, aaa.StrictArguments, true, []aaa.Rule{rule("s", "service*", `^(.*)$`)}, `{"s":[]}`, "s minLength"},
		"a password under another key":            {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^(.*)$`), rule("p", "User-Password", `^(.*)$`)}, `{"u":"bob","password":"x"}`, "password unknown"},
		"a pin beside the password":               {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^(.*)$`), rule("p", "User-Password", `^(.*)$`)}, `{"u":"bob","p":"x","pin":"1"}`, ""},
		"no password at all":                      {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^(.*)$`), rule("p", "User-Password", `^(.*)$`)}, `{"u":"bob"}`, ""},
		"no words":                                {authz, aaa.StrictArguments, true, []aaa.Rule{rule("w", "cmd-arg", line)}, `{"w":[]}`, ""},
		"another argument":                        {authz, aaa.AnyName, true, []aaa.Rule{rule("z", "zone*", `^([a-z]+)$`)}, `{"z":"DMZ"}`, "z regexp"},
		"an argument of custom":                   {"custom_avp_translation", aaa.AnyName, true, []aaa.Rule{rule("z", "zone", `^([a-z]+)$`)}, `{"z":"DMZ"}`, "z regexp"},
		"a group that takes no part":              {authz, aaa.StrictArguments, true, []aaa.Rule{rule("l", "cmd", `^(\S+)`), rule("l", "cmd-arg", `^\S+(?: (.+))?$`)}, `{"l":"show"}`, ""},
		"a line that another rule took a part of": {authz, aaa.StrictArguments, true, []aaa.Rule{rule("l", "cmd", `^(\S+)`), rule("l", "cmd-arg", `^\S+ ([a-z]+)$`)}, `{"l":"show x1"}`, "l regexp"},
		"one of two rules for an argument":        {authz, aaa.StrictArguments, true, []aaa.Rule{rule("c", "cmd", `^do-(.*)$`), rule("c", "cmd", `^run-(.*)$`)}, `{"c":"run-x"}`, ""},
		"a command of another key":                {authz, aaa.StrictArguments, true, []aaa.Rule{rule("c", "cmd", `^do-(.*)$`), rule("d", "cmd", `^(.*)$`)}, `{"c":"go","d":"show"}`, "c regexp"},
		"none of two rules for an argument":       {authz, aaa.StrictArguments, true, []aaa.Rule{rule("c", "cmd", `^do-(.*)$`), rule("c", "cmd", `^run-(.*)$`)}, `{"c":"go"}`, "c regexp"},
		"a command of a record":                   {accounting, aaa.StrictArguments, true, []aaa.Rule{rule("c", "cmd", line)}, `{"c":"show\nreload"}`, "c regexp"},
		"a reason of a record":                    {accounting, aaa.AnyName, true, []aaa.Rule{rule("c", "reason", `^(known)$`)}, `{"c":"other"}`, ""},
		"an argument of a login, never sent":      {authn, aaa.AnyName, true, []aaa.Rule{rule("c", "zone", `^(known)$`)}, `{"c":"other"}`, ""},
		"a command that strict drops":             {authz, aaa.StrictArguments, false, []aaa.Rule{rule("c", "cmd", `^(.*)$`)}, `{"c":"reload"}`, "c strict"},
		"a command at a RADIUS server":            {authz, aaa.Strict, false, []aaa.Rule{rule("c", "cmd", `^(.*)$`)}, `{"c":"reload"}`, ""},

		"a command whose group takes no part":          {authz, aaa.StrictArguments, true, []aaa.Rule{rule("c", "cmd", `^(?:do-(.*)|show)$`)}, `{"c":"show"}`, "c regexp"},
		"no command, in other letters":                 {authz, aaa.StrictArguments, true, []aaa.Rule{rule("c", "CMD*", `^(.*)$`)}, `{"c":[]}`, "c minLength"},
		"a command of a record, in other letters":      {accounting, aaa.StrictArguments, true, []aaa.Rule{rule("c", "Cmd", line)}, `{"c":"show\nreload"}`, "c regexp"},
		"a word that goes into a dropped attribute":    {authz, aaa.StrictArguments, true, []aaa.Rule{rule("w", "cmd-arg", `^([a-z]+)$`), rule("w", "Filter-Id", `^(.*)$`)}, `{"w":["version","x1"]}`, "w.1 regexp"},
		"a word that another protocol takes":           {authz, aaa.StrictArguments, true, []aaa.Rule{rule("w", "cmd-arg", `^([a-z]+)$`), rule("w", "Calling-Station-Id", `^(.*)$`)}, `{"w":["version","x1"]}`, "w.1 regexp"},
		"words that two arguments share":               {authz, aaa.StrictArguments, true, []aaa.Rule{rule("w", "cmd-arg", `^([a-z]+)$`), rule("w", "acl", `^([0-9]+)$`)}, `{"w":["version","1"]}`, ""},
		"a level of two lines":                         {authz, aaa.StrictArguments, true, []aaa.Rule{rule("l", "priv_lvl", line)}, `{"l":"15\n"}`, "l regexp"},
		"no level":                                     {authz, aaa.StrictArguments, true, []aaa.Rule{rule("l", "priv_lvl", `^(.*)$`)}, `{"l":[]}`, "l minLength"},
		"a change of a password":                       {authn, aaa.StrictArguments, true, []aaa.Rule{rule("a", "action", `^(login)$`)}, `{"a":"chpass"}`, "a regexp"},
		"a login to enable":                            {authn, aaa.AnyName, true, []aaa.Rule{rule("s", "authen_service", `^(login|ppp)$`)}, `{"s":"enable"}`, "s regexp"},
		"a type of login":                              {authn, aaa.StrictArguments, true, []aaa.Rule{rule("t", "authen_type", `^(pap)$`)}, `{"t":"chap"}`, "t regexp"},
		"a line that a user comes from":                {authn, aaa.StrictArguments, true, []aaa.Rule{rule("t", "port", `^(tty.*)$`)}, `{"t":"ssh"}`, ""},
		"a service of RADIUS":                          {authz, aaa.Strict, false, []aaa.Rule{rule("s", "Service-Type", `^(Login-User)$`)}, `{"s":"Administrative-User"}`, "s regexp"},
		"a service of a login by RADIUS":               {authn, aaa.Strict, false, []aaa.Rule{rule("s", "Service-Type", `^(Login-User)$`)}, `{"s":"Framed-User"}`, ""},
		"a user name of TACACS+ that strict drops":     {accounting, aaa.Strict, false, []aaa.Rule{rule("u", "user", `^(.*)$`)}, `{"u":"bob"}`, "u strict"},
		"user names for servers of both protocols":     {authn, aaa.Strict, false, []aaa.Rule{rule("u", "user", `^(.*)$`), rule("u", "User-Name", `^(.*)$`)}, `{"u":"bob"}`, ""},
		"a challenge in place of a dropped password":   {authn, aaa.Strict, false, []aaa.Rule{rule("p", "password", `^(.*)$`), rule("c", "CHAP-Challenge", `^(.*)$`)}, `{"p":"x","c":"0123456789abcdef"}`, "p strict"},
		"a challenge beside a password of another key": {authn, aaa.Strict, false, []aaa.Rule{rule("p", "User-Password", `^(.*)$`), rule("c", "CHAP-Challenge", `^(.*)$`)}, `{"password":"x","c":"0123456789abcdef"}`, "password unknown"},
		"two user names":                               {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^(.*)$`)}, `{"u":["alice","bob"]}`, "u.1 maxItems"},
		"two passwords":                                {authn, aaa.Strict, false, []aaa.Rule{rule("p", "User-Password", `^(.*)$`)}, `{"p":["a","b"]}`, "p.1 maxItems"},
		"two passwords of TACACS+":                     {authn, aaa.StrictArguments, true, []aaa.Rule{rule("p", "password", `^(.*)$`)}, `{"p":["a","b"]}`, "p.1 maxItems"},
		"a line that names no level":                   {authz, aaa.StrictArguments, true, []aaa.Rule{rule("l", "priv_lvl", `^(?:enable ([0-9]+)|.*)$`)}, `{"l":"login"}`, ""},
		"a user name among other ids":                  {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^user:(.*)$`), rule("u", "Filter-Id", `^host:(.*)$`)}, `{"u":["user:a","host:b"]}`, ""},
		"two levels":                                   {authz, aaa.StrictArguments, true, []aaa.Rule{rule("l", "priv_lvl", `^(.*)$`)}, `{"l":["1","15"]}`, "l.1 maxItems"},
		"one user name in an array":                    {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^(.*)$`)}, `{"u":["alice"]}`, ""},
		"an EAP message in pieces":                     {authn, aaa.Strict, false, []aaa.Rule{rule("e", "EAP-Message", `^(.*)$`)}, `{"e":["0x0201","0x0006"]}`, ""},

		"a user name":                             {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", line)}, `{"u":"bob\n"}`, "u regexp"},
		"a user name of none":                     {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^(.*)$`)}, `{"u":""}`, "u minLength"},
		"an array of no user names":               {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^(.*)$`)}, `{"u":[]}`, "u minLength"},
		"a user name split in two":                {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^([^@]+)`), rule("u", "Filter-Id", `@(.+)$`)}, `{"u":"bob"}`, ""},
		"a user name of two forms":                {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^([^@]+)@a$`), rule("u", "User-Name", `^([^@]+)@b$`)}, `{"u":"bob@b"}`, ""},
		"a user name of another key":              {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^([^@]+)@a$`), rule("v", "User-Name", `^(.+)$`)}, `{"u":"bob@b","v":"bob"}`, ""},
		"a user name of neither form":             {authn, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", `^([^@]+)@a$`), rule("u", "User-Name", `^([^@]+)@b$`)}, `{"u":"bob@c"}`, "u regexp"},
		"a user name of a record":                 {accounting, aaa.Strict, false, []aaa.Rule{rule("u", "User-Name", line)}, `{"u":"bob\n"}`, "u regexp"},
		"a password":                              {authn, aaa.Strict, false, []aaa.Rule{rule("p", "User-Password", line)}, `{"p":"pin\n"}`, "p regexp"},
		"an empty password":                       {authn, aaa.Strict, false, []aaa.Rule{rule("p", "User-Password", line)}, `{"p":""}`, ""},
		"a hash of a password":                    {authn, aaa.Strict, false, []aaa.Rule{rule("p", "CHAP-Password", line)}, `{"p":"pin\n"}`, "p regexp"},
		"MS-CHAP":                                 {authn, aaa.Strict, false, []aaa.Rule{rule("p", "MS-CHAP2-Response", line)}, `{"p":"pin\n"}`, "p regexp"},
		"a password of TACACS+":                   {authn, aaa.StrictArguments, true, []aaa.Rule{rule("p", "password", line)}, `{"p":"pin\n"}`, "p regexp"},
		"a new password, though the old one goes": {authn, aaa.StrictArguments, true, []aaa.Rule{rule("p", "password", line), rule("n", "new_password", line)}, `{"p":"a","n":"b\n"}`, "n regexp"},
		"one of two forms of a password":          {authn, aaa.Strict, false, []aaa.Rule{rule("p", "User-Password", `^pap:(.*)$`), rule("p", "CHAP-Password", `^chap:(.*)$`)}, `{"p":"pap:x"}`, ""},
		"a password of neither form":              {authn, aaa.Strict, false, []aaa.Rule{rule("p", "User-Password", `^pap:(.*)$`), rule("p", "CHAP-Password", `^chap:(.*)$`)}, `{"p":"x"}`, "p regexp"},
		"a password that strict drops":            {authn, aaa.Strict, false, []aaa.Rule{rule("p", "password", `^(.*)$`)}, `{"p":"x"}`, "p strict"},
		"rules for servers of both protocols":     {authn, aaa.Strict, false, []aaa.Rule{rule("p", "password", `^(.*)$`), rule("p", "User-Password", `^(.*)$`)}, `{"p":"x"}`, ""},

		"an element of several":             {authn, aaa.Strict, false, []aaa.Rule{rule("k", "Filter-Id", `^f-(.*)$`)}, `{"k":["f-a","b"]}`, "k.1 regexp"},
		"an empty element of several":       {authn, aaa.Strict, false, []aaa.Rule{rule("k", "Filter-Id", `^(.*)$`)}, `{"k":["a",""]}`, "k.1 minLength"},
		"elements that rules share":         {authn, aaa.Strict, false, []aaa.Rule{rule("k", "Filter-Id", `^f-(.*)$`), rule("k", "Class", `^c-(.*)$`)}, `{"k":["f-a","c-b"]}`, ""},
		"an element that no rule takes":     {authn, aaa.Strict, false, []aaa.Rule{rule("k", "Filter-Id", `^f-(.*)$`), rule("k", "Class", `^c-(.*)$`)}, `{"k":["f-a","c-b","d"]}`, "k.2 regexp"},
		"one value beside what it is about": {authn, aaa.Strict, false, []aaa.Rule{rule("k", "Filter-Id", `^f-(.*)$`)}, `{"k":"b"}`, ""},
		"an array of one":                   {authn, aaa.Strict, false, []aaa.Rule{rule("k", "Filter-Id", `^f-(.*)$`)}, `{"k":["b"]}`, ""},
		"elements of an unknown attribute":  {authn, aaa.Strict, false, []aaa.Rule{rule("k", "Nobody-Knows", `^f-(.*)$`)}, `{"k":["f-a","b"]}`, ""},
	} {
		p, err := translate.Compile(c.section, c.rules)
		if err != nil {
			t.Fatal(err)
		}
		set := testSet(t)
		if c.tacacs {
			set = tacacsSet(t)
		}
		var values map[string]any
		if err := json.Unmarshal([]byte(c.in), &values); err != nil {
			t.Fatal(err)
		}
		avps, err := p.Bind(set, c.mode).Out(t.Context(), nil, values, nil, nil)
		got := ""
		var e *aaa.Error
		if errors.As(err, &e) && e.Kind == aaa.KindBadInput && len(e.Fields) == 1 {
			got = e.Fields[0].Path + " " + e.Fields[0].Rule
			if m := e.Fields[0].Message; !strings.Contains(m, "rule "+c.section+".") && !strings.Contains(m, "no rule of "+c.section) || e.Fields[0].Value != nil || len(avps) > 0 {
				t.Errorf("%s: %+v", name, e.Fields[0])
			}
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestSharedElementsCost: the elements of an array that many rules share are matched once a rule, not once a pair of rules.
func TestSharedElementsCost(t *testing.T) {
	t.Parallel()
	rules := make([]aaa.Rule, translate.MaxRules)
	for i := range rules {
		rules[i] = rule("k", "Filter-Id", `^(x)$`)
	}
	rules[len(rules)-1].RequestValue = `^(y)$`
	list := make([]any, translate.MaxElements)
	for i := range list {
		list[i] = "y"
	}
	avps, err := compile(t, rules...).Bind(testSet(t), aaa.Strict).Out(t.Context(), nil, map[string]any{"k": list}, nil, nil)
	if err != nil || len(avps) != translate.MaxElements {
		t.Fatalf("%d AVPs, %v", len(avps), err)
	}
}
