package tacacs

import (
	"errors"
	"testing"

	"aaa-api/internal/aaa"
)

// A password that the packet has no room for is named as the caller knows it, not by the packet's field.
func TestLongPasswordIsNamed(t *testing.T) {
	t.Parallel()
	for size, refused := range map[int]bool{255: false, 256: true} {
		_, err := (&fields{password: make([]byte, size)}).start()
		var e *aaa.Error
		if errors.As(err, &e) != refused || (refused && (len(e.Fields) != 1 || e.Fields[0].Path != "password")) {
			t.Errorf("%d octets: %v", size, err)
		}
	}
}
