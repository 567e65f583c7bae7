package journal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"aaa-api/internal/atomicfile"
)

const (
	folderPrefix = "node-"
	ownerFile    = "owner"
)

// folder is a process's place in a journal directory.
type folder struct {
	path string
	lock *os.File // of the file "owner"; the kernel frees it however the process ends
}

func (f *folder) release() error { return unlockFile(f.lock) }

// unlockFile frees a lock also where a child that is being started still has a copy of the descriptor.
func unlockFile(f *os.File) error { return errors.Join(flock(f, syscall.LOCK_UN), f.Close()) }

// settle takes a folder for this process and the files of all that have no owner.
func (j *Journal) settle() error {
	free, foreign, err := j.free()
	if err != nil {
		return err
	}
	if j.foreign = len(foreign); j.foreign > 0 {
		j.log.Error("journal entries of another database are left where they are", "dir", j.dir, "folders", foreign)
	}
	if len(free) == 0 {
		j.own, err = j.newFolder()
		return err
	}
	j.own = free[0]
	files, err := j.recover(j.own)
	if err != nil {
		for _, f := range free {
			_ = f.release()
		}
		return err
	}
	j.add(files...)
	for _, f := range free[1:] {
		j.takeOver(f)
	}
	return nil
}

// adopt takes the files of processes that have ended since Open.
func (j *Journal) adopt() {
	free, _, err := j.free()
	if err != nil {
		j.log.Error("journal folders without an owner are not looked for", "dir", j.dir, "error", err)
	}
	for _, f := range free {
		j.takeOver(f)
	}
}

// free locks all folders of this database that have no owner. Foreign are the names of those of other databases that hold segments.
func (j *Journal) free() (free []*folder, foreign []string, err error) {
	unlock, err := j.lockDir()
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	list, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, nil, err
	}
	for _, entry := range list {
		path := filepath.Join(j.dir, entry.Name())
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), folderPrefix) || j.own != nil && path == j.own.path {
			continue
		}
		f, err := claim(path)
		switch {
		case err != nil:
			j.log.Error("a journal folder can't be taken over", "folder", path, "error", err)
		case f == nil: // its owner lives
		case strings.HasPrefix(entry.Name(), j.folderName()):
			free = append(free, f)
		default:
			if segments, err := segmentsOf(path); err != nil || len(segments) > 0 {
				foreign = append(foreign, entry.Name())
			}
			_ = f.release()
		}
	}
	return free, foreign, nil
}

// lockDir makes this process the only one that gives out folders.
func (j *Journal) lockDir() (unlock func(), err error) {
	path := filepath.Join(j.dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
	}
	return func() { _ = unlockFile(f) }, nil
}

// claim locks a folder. It is nil if another process owns it. It is called with the directory's lock.
func claim(path string) (*folder, error) {
	f, err := os.OpenFile(filepath.Join(path, ownerFile), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &folder{path: path, lock: f}, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// folderName is what the names of this database's folders begin with.
func (j *Journal) folderName() string {
	return folderPrefix + hex.EncodeToString(j.database[:8]) + "-"
}

func (j *Journal) newFolder() (*folder, error) {
	unlock, err := j.lockDir()
	if err != nil {
		return nil, err
	}
	defer unlock()
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	path := filepath.Join(j.dir, j.folderName()+hex.EncodeToString(random[:]))
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, err
	}
	if err := atomicfile.SyncDir(j.dir); err != nil {
		return nil, err
	}
	return claim(path)
}

// takeOver moves what a folder without an owner holds into this process's own, and removes the folder. What can't be moved waits for the next time.
func (j *Journal) takeOver(f *folder) {
	defer f.release() //nolint:errcheck // the kernel frees the lock in any case
	files, err := j.recover(f)
	j.disk.Lock()
	j.seal() // the segment that grows keeps the highest number of the folder
	j.disk.Unlock()
	for _, s := range files {
		to := filepath.Join(j.own.path, filepath.Base(s.path))
		if e := rename(s.path, to); e != nil {
			err = errors.Join(err, e)
			continue
		}
		s.path = to
		j.add(s)
	}
	aside, e := asideOf(f.path)
	err = errors.Join(err, e)
	for _, name := range aside {
		if e := rename(filepath.Join(f.path, name), filepath.Join(j.own.path, name)); e != nil {
			err = errors.Join(err, e)
		}
	}
	if err = errors.Join(err, atomicfile.SyncDir(j.own.path)); err == nil {
		err = j.remove(f)
	}
	if err != nil {
		j.log.Error("a journal folder without an owner is not wholly taken over", "folder", f.path, "error", err)
		return
	}
	j.log.Info("the journal of a process that is gone is taken over", "folder", f.path, "segments", len(files), "to", j.own.path)
}

// remove deletes an empty folder. One that holds other files stays.
func (j *Journal) remove(f *folder) error {
	unlock, err := j.lockDir()
	if err != nil {
		return err
	}
	defer unlock()
	list, err := os.ReadDir(f.path)
	if err != nil {
		return err
	}
	if len(list) > 1 {
		return atomicfile.SyncDir(f.path)
	}
	if err := errors.Join(os.Remove(f.lock.Name()), os.Remove(f.path)); err != nil {
		return err
	}
	return atomicfile.SyncDir(j.dir)
}

// rename replaces no file.
func rename(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(from, to)
}
