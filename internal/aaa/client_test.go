package aaa

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestClientInJSON(t *testing.T) {
	t.Parallel()
	for text, disabled := range map[string]bool{`{}`: false, `{"enabled":true}`: false, `{"enabled":false}`: true} {
		c := Client{Disabled: !disabled}
		if err := json.Unmarshal([]byte(text), &c); err != nil || c.Disabled != disabled {
			t.Errorf("%s: disabled %v, %v", text, c.Disabled, err)
		}
		back, err := json.Marshal(c)
		if err != nil || strings.Contains(string(back), `"enabled":false`) != disabled {
			t.Errorf("%s: back as %s, %v", text, back, err)
		}
	}
	var c Client
	text := `{"address":"192.0.2.0/24","secret":"swordfish","warn_after":"2027-01-01T00:00:00Z","coa":{"enabled":true,"secret":"eel"},"protocols":["tacacs"]}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if c.Address != "192.0.2.0/24" || c.Secret.Reveal() != "swordfish" || c.WarnAfter.Year() != 2027 || c.CoA.Secret.Reveal() != "eel" {
		t.Errorf("read %+v", c)
	}
	if c.Speaks(ClientRADIUS) || !c.Speaks(ClientTACACS) || !new(Client).Speaks(ClientRADIUS) {
		t.Error("a client speaks what it does not name, or not what it names")
	}
	back, err := json.Marshal(c)
	if err != nil || strings.Contains(string(back), "swordfish") || strings.Contains(string(back), `"eel"`) {
		t.Errorf("back as %s, %v", back, err)
	}
}
