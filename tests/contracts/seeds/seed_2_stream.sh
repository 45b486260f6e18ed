# Establish SSE connection (in one terminal)
curl -N -H "Authorization: Bearer your-token" \
  "http://localhost:3000/mcp/sse"
