// The lookup in Go: net/http over a map in memory. Arguments: port, and a file of answers, each as
// the length of the national id, the length of the answer (little-endian, 32 bits), and the two.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
)

type question struct {
	Nin string `json:"nin"`
}

func read(path string) (map[string][]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := bufio.NewReader(file)
	answers := make(map[string][]byte)
	for {
		var sizes [2]uint32
		if err := binary.Read(in, binary.LittleEndian, &sizes); err == io.EOF {
			return answers, nil
		} else if err != nil {
			return nil, err
		}
		both := make([]byte, sizes[0]+sizes[1])
		if _, err := io.ReadFull(in, both); err != nil {
			return nil, err
		}
		answers[string(both[:sizes[0]])] = both[sizes[0]:]
	}
}

func main() {
	answers, err := read(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/v1/gp-lookup", func(w http.ResponseWriter, r *http.Request) {
		var asked question
		if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&asked) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer, known := answers[asked.Nin]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.Write(answer)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
