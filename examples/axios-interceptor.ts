// Axios with the SDK. The well-known mistake is an interceptor that refreshes at every 401: a page with twenty
// requests under way refreshes twenty times, and elsewhere nineteen of these look like a theft. Here the SDK is
// asked for another token than the one that was refused, and however many ask, it gets one.
import axios, { AxiosError, type AxiosInstance } from 'axios'
import type { AuthClient } from 'latchkey/client'

declare module 'axios' {
  interface AxiosRequestConfig {
    /** The access token that this request was refused with. */
    refused?: string
  }
}

/** @param baseURL of your API, and of nobody else's: every request gets the access token */
export function createApi(client: AuthClient, baseURL: string): AxiosInstance {
  const api = axios.create({ baseURL })

  api.interceptors.request.use(async (request) => {
    const { refused } = request
    const token = await client.getAccessToken(refused ? { refused } : {})
    request.headers.setAuthorization(`Bearer ${token}`)
    return request
  })

  api.interceptors.response.use(undefined, (error: unknown) => {
    const request = error instanceof AxiosError && error.response?.status === 401 ? error.config : undefined
    // Once: a new token that is refused as well was refused for another reason.
    if (!request || request.refused) throw error
    return api({ ...request, refused: String(request.headers.getAuthorization()).slice('Bearer '.length) })
  })

  return api
}
