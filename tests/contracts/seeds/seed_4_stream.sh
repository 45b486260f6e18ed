# Stream events
curl -N http://localhost:3000/sse

# Output format:
# data: {"type":"connection","status":"connected","timestamp":"..."}
#
# data: {"type":"heartbeat","timestamp":"..."}
#
