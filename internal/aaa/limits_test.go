package aaa

import (
	"encoding/json"
	"testing"
)

func TestLimitTable(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for l := range NumLimits {
		row := LimitTable[l]
		if row.Name == "" || row.Unit == "" || row.Default < 0 || row.Default > row.Max || seen[row.Name] {
			t.Errorf("row %d is %+v", l, row)
		}
		seen[row.Name] = true
		if found, ok := LimitByName(row.Name); !ok || found != l {
			t.Errorf("%s is found as %d, %v", row.Name, found, ok)
		}
	}
	if _, ok := LimitByName("nonsense"); ok {
		t.Error("nonsense is a limit")
	}
}

func TestLimitsJSON(t *testing.T) {
	t.Parallel()
	l := NoLimits()
	if l.OrNil() != nil {
		t.Error("no limits are not nil")
	}
	l[LimitTokens], l[LimitTables] = 0, 7
	text, err := json.Marshal(l.OrNil())
	if err != nil || string(text) != `{"tables":7,"tokens":0}` {
		t.Errorf("%s, %v", text, err)
	}
	var back Limits
	if err := json.Unmarshal([]byte(`{"tables":7,"tokens":0,"of_tomorrow":1}`), &back); err != nil || back != l {
		t.Errorf("%v, %v", back, err)
	}
}
