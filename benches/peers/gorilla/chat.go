package main

import (
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// queuedMessagesMax is how many messages may wait for one member.
const queuedMessagesMax = 256

type message struct {
	kind int
	data []byte
}

// A member of a room: one goroutine reads from its connection, another writes to it.
type member struct {
	hub        *hub
	connection *websocket.Conn
	queue      chan message
}

// A hub hands what is said in its room to all members.
type hub struct {
	joining chan *member
	leaving chan *member
	said    chan message
}

type rooms struct {
	mutex sync.Mutex
	hubs  map[string]*hub
}

func newRooms() *rooms { return &rooms{hubs: map[string]*hub{}} }

func (rooms *rooms) hub(name string) *hub {
	rooms.mutex.Lock()
	defer rooms.mutex.Unlock()
	known, found := rooms.hubs[name]
	if !found {
		known = &hub{make(chan *member), make(chan *member), make(chan message)}
		rooms.hubs[name] = known
		go known.run()
	}
	return known
}

func (hub *hub) run() {
	members := map[*member]bool{}
	leave := func(member *member) {
		if members[member] {
			delete(members, member)
			close(member.queue)
		}
	}
	for {
		select {
		case member := <-hub.joining:
			members[member] = true
		case member := <-hub.leaving:
			leave(member)
		case message := <-hub.said:
			for member := range members {
				select {
				case member.queue <- message:
				default:
					leave(member)
				}
			}
		}
	}
}

func join(hub *hub, connection *websocket.Conn) {
	member := &member{hub, connection, make(chan message, queuedMessagesMax)}
	hub.joining <- member
	// The request and its buffers can be freed when the caller returns.
	go member.write()
	go member.read()
}

func (member *member) read() {
	defer func() {
		member.hub.leaving <- member
		member.connection.Close()
	}()
	expectPongs(member.connection)
	for {
		kind, data, err := member.connection.ReadMessage()
		if err != nil {
			return
		}
		member.hub.said <- message{kind, data}
	}
}

func (member *member) write() {
	due, stop := pings()
	defer func() {
		stop()
		member.connection.Close()
	}()
	for {
		select {
		case message, open := <-member.queue:
			member.connection.SetWriteDeadline(time.Now().Add(writeTimeout))
			if !open {
				member.connection.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if member.connection.WriteMessage(message.kind, message.data) != nil {
				return
			}
		case <-due:
			if ping(member.connection) != nil {
				return
			}
		}
	}
}
