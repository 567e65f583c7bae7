// Package usersfile reads users files: names with hashed passwords and what to answer when one
// of them logs in. It knows two forms, that may stand in one file.
//
// The users file of RADIUS servers of the Merit family: a name and its password in column
// one, further check items behind it, and reply items on indented lines:
//
//	# The night shift.
//	bob     Password = "$2b$12$…", NAS-Port-Type = Virtual
//	        Session-Timeout = 3600,
//	        Reply-Message = "Good evening"
//	"Ann B" Crypt-Password := '$argon2id$v=19$m=65536,t=3,p=1$…'
//
// And lines of the kind that htpasswd and shadow(5) write, name:hash, of which further
// fields are not looked at: in particular the ageing and the expiry of a shadow file are not enforced.
//
// Passwords are hashes of crypt(3) or in the PHC string format: bcrypt ($2a$, $2b$, $2y$),
// argon2id, argon2i and argon2d ($argon2id$…), sha512-crypt ($6$), sha256-crypt ($5$),
// md5-crypt ($1$), yescrypt ($y$), scrypt ($scrypt$) and pbkdf2 ($pbkdf2$, $pbkdf2-sha256$,
// $pbkdf2-sha512$). A password that begins with ! or * is locked: nobody logs in with it. The cost of
// each hash is bounded when the file is read, so that no login can occupy a node.
//
// Nothing here prints a hash: neither faults nor any formatting of a File. Mask and Merge
// let a client read a file without its hashes and send it back.
package usersfile
