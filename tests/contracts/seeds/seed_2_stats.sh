# Get SSE stats (master token required)
curl -H "Authorization: Bearer master-token" \
  http://localhost:3000/mcp/sse/stats
