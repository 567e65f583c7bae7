package tacacs

import (
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestAdded: what is filled in is told, and what the caller brings is not.
func TestAdded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		op    aaa.Op
		pairs []string
		want  string
	}{
		"a login":          {aaa.Authn, []string{"user=bob", "password=hush"}, "port=17 priv_lvl=1 authen_service=login authen_type=pap"},
		"an authorisation": {aaa.Authz, []string{"user=bob"}, "port=17 priv_lvl=1 authen_service=login authen_type=ascii authen_method=tacacsplus service=shell cmd="},
		"of a command":     {aaa.Authz, []string{"user=bob", "port=1", "priv_lvl=1", "authen_service=ppp", "authen_type=pap", "authen_method=line", "service=shell", "cmd=show"}, ""},
		"a record":         {aaa.Accounting, []string{"user=bob", "port=1", "service=ppp"}, "priv_lvl=1 authen_service=login authen_type=ascii authen_method=tacacsplus start_time=1000 task_id=s1"},
	} {
		req := request(t, c.op, c.pairs...)
		req.NASPort, req.HasNASPort, req.SessionID, req.Begun = 17, true, "s1", time.Unix(1000, 0)
		var got []string
		req.Added = func(attribute, value string) { got = append(got, attribute+"="+value) }
		if _, err := new(client).Encode(req); err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v\nwant %q", name, got, err, c.want)
		}
	}
}
