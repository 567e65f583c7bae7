package adminsocket

import (
	"fmt"
	"os"
	"path/filepath"
)

// maxPath is how long a path the kernel takes of a socket, with the zero at its end.
const maxPath = 108

// shortPath returns a path to the same file that a socket may have. It holds until done is called.
func shortPath(path string) (short string, done func(), err error) {
	if len(path) < maxPath {
		return path, func() {}, nil
	}
	folder, err := os.Open(filepath.Dir(path)) //nolint:gosec // the operator names the folder
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), filepath.Base(path)), func() { _ = folder.Close() }, nil
}
