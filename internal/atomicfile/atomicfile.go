// Package atomicfile writes files that others see whole or not at all, and that survive a crash once they are written. Libraries
// that replace files so (renameio, natefinch/atomic) neither refuse a file that exists nor sync the folder.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Create writes a new file of mode 0600. If path exists, it is left alone and the error is an fs.ErrExist.
func Create(path string, text []byte) error {
	return write(path, text, nil, func(made string) error {
		err := os.Link(made, path) // a rename would replace the file
		if errors.Is(err, fs.ErrExist) {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		return err
	})
}

// Replace writes a file in the place of any that path names, with the mode and owner of like; nil means mode 0600 and the
// process's own.
func Replace(path string, text []byte, like fs.FileInfo) error {
	return write(path, text, like, func(made string) error { return os.Rename(made, path) })
}

// write makes a durable file beside path and has place give it its name.
func write(path string, text []byte, like fs.FileInfo, place func(made string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after a rename it is gone
	_, err = f.Write(text)
	if err == nil && like != nil {
		err = imitate(f, like)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := place(f.Name()); err != nil {
		return err
	}
	return SyncDir(dir)
}

func imitate(f *os.File, like fs.FileInfo) error {
	if owner, ok := like.Sys().(*syscall.Stat_t); ok {
		if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return f.Chmod(like.Mode().Perm())
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
