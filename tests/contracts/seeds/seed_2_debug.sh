# Check server health
curl http://localhost:3000/health

# Test authentication
curl -H "Authorization: Bearer your-token" \
  http://localhost:3000/mcp/sse/stats
