// Interop checks keys, notes, cosignatures, Merkle proofs and proofs of events with the packages that others use for
// them, and signs with them. It reads one JSON object from its input and answers with one; tests/capi/test_proof_interop.py
// asks and compares.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"github.com/transparency-dev/formats/log"
	cosign "github.com/transparency-dev/formats/note"
	tlog "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

type noteTask struct {
	Note      string
	Keys      []string
	Witnesses []string
	Needed    int
}

type inclusionTask struct {
	Leaf, Root  string
	Index, Size uint64
	Hashes      []string
}

type consistencyTask struct {
	Old, New           uint64
	Old_root, New_root string
	Hashes             []string
}

type proofTask struct {
	Proof, Event_hash string
	Keys              []string
}

type signTask struct {
	Skey, Text string
	Witness    bool
}

type tasks struct {
	Keys        []string
	Notes       []noteTask
	Inclusion   []inclusionTask
	Consistency []consistencyTask
	Proofs      []proofTask
	Sign        []signTask
}

// Empty: it is believed. Otherwise why not.
type answers struct {
	Keys, Notes, Inclusion, Consistency, Proofs []string
	Signed                                      []string
}

const coreBytes = 112

func raw(text string) []byte {
	decoded, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return decoded
}

func all(texts []string) [][]byte {
	var made [][]byte
	for _, text := range texts {
		made = append(made, raw(text))
	}
	return made
}

func why(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func verifiers(keys, witnesses []string) (note.Verifiers, error) {
	var list []note.Verifier
	seen := map[string]bool{}
	for _, key := range keys {
		if seen[key] {
			continue
		}
		seen[key] = true
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return nil, err
		}
		list = append(list, verifier)
	}
	for _, key := range witnesses {
		verifier, err := cosign.NewVerifierForCosignatureV1(key)
		if err != nil {
			return nil, err
		}
		list = append(list, verifier)
	}
	return note.VerifierList(list...), nil
}

func checkNote(task noteTask) error {
	known, err := verifiers(task.Keys, nil)
	if err != nil {
		return err
	}
	if _, err = note.Open([]byte(task.Note), known); err != nil {
		return err
	}
	if known, err = verifiers(nil, task.Witnesses); err != nil || task.Needed == 0 {
		return err
	}
	opened, err := note.Open([]byte(task.Note), known)
	if err == nil && len(opened.Sigs) < task.Needed {
		err = fmt.Errorf("%d witnesses", len(opened.Sigs))
	}
	return err
}

func checkInclusion(task inclusionTask) error {
	return proof.VerifyInclusion(rfc6962.DefaultHasher, task.Index, task.Size, raw(task.Leaf), all(task.Hashes), raw(task.Root))
}

func checkConsistency(task consistencyTask) error {
	return proof.VerifyConsistency(rfc6962.DefaultHasher, task.Old, task.New, all(task.Hashes), raw(task.Old_root), raw(task.New_root))
}

func checkProof(task proofTask) error {
	var read tlog.TLogProof
	if err := read.Unmarshal([]byte(task.Proof)); err != nil {
		return err
	}
	if !bytes.Equal(read.Marshal(), []byte(task.Proof)) {
		return fmt.Errorf("it is written differently")
	}
	known, err := verifiers(task.Keys, nil)
	if err != nil {
		return err
	}
	opened, err := note.Open(read.Checkpoint, known)
	if err != nil {
		return err
	}
	var head log.Checkpoint
	if _, err := head.Unmarshal([]byte(opened.Text)); err != nil {
		return err
	}
	leaf := raw(task.Event_hash)
	if len(leaf) == 0 {
		if len(read.ExtraData) < coreBytes {
			return fmt.Errorf("no core")
		}
		leaf = rfc6962.DefaultHasher.HashLeaf(read.ExtraData[:coreBytes])
	}
	var hashes [][]byte
	for _, hash := range read.Hashes {
		hashes = append(hashes, append([]byte(nil), hash[:]...))
	}
	if len(leaf) != sha256.Size {
		return fmt.Errorf("the leaf has %d bytes", len(leaf))
	}
	return proof.VerifyInclusion(rfc6962.DefaultHasher, read.Index, head.Size, leaf, hashes, head.Hash)
}

func sign(task signTask) string {
	var signer note.Signer
	var err error
	if task.Witness {
		signer, err = cosign.NewSignerForCosignatureV1(task.Skey)
	} else {
		signer, err = note.NewSigner(task.Skey)
	}
	if err != nil {
		panic(err)
	}
	signed, err := note.Sign(&note.Note{Text: task.Text}, signer)
	if err != nil {
		panic(err)
	}
	return string(signed)
}

func main() {
	var asked tasks
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	var found answers
	for _, key := range asked.Keys {
		_, err := note.NewVerifier(key)
		if err != nil {
			_, err = cosign.NewVerifierForCosignatureV1(key)
		}
		found.Keys = append(found.Keys, why(err))
	}
	for _, task := range asked.Notes {
		found.Notes = append(found.Notes, why(checkNote(task)))
	}
	for _, task := range asked.Inclusion {
		found.Inclusion = append(found.Inclusion, why(checkInclusion(task)))
	}
	for _, task := range asked.Consistency {
		found.Consistency = append(found.Consistency, why(checkConsistency(task)))
	}
	for _, task := range asked.Proofs {
		found.Proofs = append(found.Proofs, why(checkProof(task)))
	}
	for _, task := range asked.Sign {
		found.Signed = append(found.Signed, sign(task))
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		panic(err)
	}
}
