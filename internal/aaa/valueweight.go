package aaa

// About how many octets of memory a list's element and a map's pair take once they are read, what grows on the way included.
const (
	elementWeight = 64
	pairWeight    = 128
)

// Weight is about how many octets of memory a binary form takes when ReadBinary reads it, beside its own. A damaged one takes no more
// than is told.
func (*Values) Weight(form string) int {
	r := valueReader{rest: form}
	return r.weighPairs(maxDepth)
}

// Weight is Values.Weight of a Decoded.
func (*Decoded) Weight(form string) int {
	r := valueReader{rest: form, json: true}
	return r.weigh(MaxDecodedDepth)
}

// weigh passes over a value as value reads it, and takes no memory.
func (r *valueReader) weigh(depth int) (octets int) {
	switch tag := r.octet(); tag {
	case tagString, tagNumber:
		r.text()
	case tagInt, tagInt64, tagUint64:
		r.uvarint()
	case tagMap, tagValues:
		return r.weighPairs(depth)
	case tagList, tagStrings:
		if depth == 0 {
			r.fail()
			return 0
		}
		n, _ := r.count(1)
		for range n {
			octets += elementWeight
			if tag == tagStrings {
				r.text()
			} else {
				octets += r.weigh(depth - 1)
			}
			if r.failed {
				break
			}
		}
	}
	return octets
}

func (r *valueReader) weighPairs(depth int) (octets int) {
	if depth == 0 {
		r.fail()
		return 0
	}
	n, _ := r.count(2)
	for range n {
		r.text()
		octets += pairWeight + r.weigh(depth-1)
		if r.failed {
			break
		}
	}
	return octets
}
